"""What changed most over a period."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looks import prove
from sqlalchemy import Connection, Table

from harvester.errors import ConfigError
from harvester.store import changed, polls, schema, top
from harvester.store.polls import Wanted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = 30.0
Steps = Sequence[tuple[float, Any]]  # from so many days ago, the value


@pytest.fixture(autouse=True, params=["by what ended", "by what holds"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every change found in both ways, that of short periods and that of long ones."""
    is_short = request.param == "by what ended"
    monkeypatch.setattr(changed, "SHORT", timedelta.max if is_short else timedelta(0))


def days_ago(days: float) -> datetime:
    return NOW - days * DAY


@pytest.fixture
def known(conn: Connection) -> Connection:
    """Let four games be known, two achievements of the first, and two players."""
    seen = {"first_seen_at": days_ago(400)}
    games = [{"id": game, "title": f"Game {game}", **seen} for game in (1, 2, 3, 4)]
    deeds = [{"id": own, "game_id": 1, "title": f"Deed {own}", **seen} for own in (11, 12)]
    people = [{"id": own, "name": name, **seen} for own, name in ((1, "Ann"), (2, "Bob"))]
    conn.execute(schema.games.insert(), games)
    conn.execute(schema.achievements.insert(), deeds)
    conn.execute(schema.users.insert(), people)
    return conn


def hold(conn: Connection, table: Table, column: str, steps: Steps, **key: Any) -> None:  # noqa: ANN401 - column values
    """Write what a key held; a value of None leaves it without a row."""
    following = [days_ago(days) for days, _ in steps[1:]]
    for (days, value), end in zip_longest(steps, following):
        if value is not None:
            row = {**key, column: value, "valid_from": days_ago(days), "valid_to": end}
            conn.execute(table.insert().values(row))


def players(conn: Connection, game: int, *steps: tuple[float, Any]) -> None:
    hold(conn, schema.game_counters, "players", steps, game_id=game)


def unlocks(conn: Connection, achievement: int, *steps: tuple[float, Any]) -> None:
    hold(conn, schema.achievement_counters, "unlocks", steps, achievement_id=achievement)


def bucket(conn: Connection, unlocked: int, *steps: tuple[float, Any], game: int = 1) -> None:
    key = {"game_id": game, "is_promoted": True, "is_hardcore": True, "unlocked": unlocked}
    hold(conn, schema.distribution, "players", steps, **key)


def ask(
    conn: Connection,
    name: str,
    since: float = MONTH,
    until: float = 0,
    *,
    limit: int = 10,
    is_relative: bool = False,
) -> list[dict[str, Any]]:
    ends = {"since": days_ago(since), "until": days_ago(until)}
    return top.ranked(conn, name, **ends, limit=limit, is_relative=is_relative)


def moved(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["game_id"], row["before"], row["after"]) for row in rows]


def test_a_row_tells_what_it_was_what_it_is_and_how_much_that_is_a_day(known: Connection) -> None:
    players(known, 1, (100, 40), (20, 50), (10, 70))
    assert ask(known, "players") == [
        {
            "rank": 1,
            "game_id": 1,
            "game": "Game 1",
            "before": 40,
            "after": 70,
            "change": 30,
            "relative": 0.75,
            "per_day": 1,
            "from_at": days_ago(30),
            "to_at": NOW,
            "is_whole": True,
        }
    ]


def test_the_largest_change_comes_first_up_or_down(known: Connection) -> None:
    players(known, 1, (100, 40), (20, 50))
    players(known, 2, (100, 400), (20, 300))
    players(known, 3, (100, 4), (20, 34))
    assert moved(ask(known, "players")) == [(2, 400, 300), (3, 4, 34), (1, 40, 50)]
    assert moved(ask(known, "players", limit=1)) == [(2, 400, 300)]


def test_changes_can_be_ranked_by_their_share_of_what_was(known: Connection) -> None:
    players(known, 1, (100, 40), (20, 50))
    players(known, 2, (100, 400), (20, 320))
    players(known, 3, (100, 0), (20, 34))
    assert moved(ask(known, "players", is_relative=True)) == [
        (1, 40, 50),
        (2, 400, 320),
        (3, 0, 34),
    ]
    assert ask(known, "players", is_relative=True)[2]["relative"] is None


def test_what_stood_still_or_went_back_is_not_listed(known: Connection) -> None:
    players(known, 1, (100, 40))
    players(known, 2, (100, 40), (20, 50), (10, 40))
    players(known, 3, (100, 40), (50, 50))
    assert ask(known, "players") == []


def test_what_was_first_seen_within_the_period_is_no_jump_from_zero(known: Connection) -> None:
    players(known, 1, (10, 1000))
    players(known, 2, (20, 1000), (10, 1010))
    (row,) = ask(known, "players")
    assert moved([row]) == [(2, 1000, 1010)]
    assert (row["is_whole"], row["from_at"], row["per_day"]) == (False, days_ago(20), 0.5)


def test_a_value_that_was_not_told_at_first_counts_from_when_it_was(known: Connection) -> None:
    players(known, 1, (100, None), (20, 40), (10, 45))
    known.execute(
        schema.game_counters.insert().values(
            game_id=1, achievements=3, valid_from=days_ago(100), valid_to=days_ago(20)
        )
    )
    (row,) = ask(known, "players")
    assert (row["before"], row["is_whole"], row["from_at"]) == (40, False, days_ago(20))


def test_what_holds_no_more_has_not_changed_to_anything(known: Connection) -> None:
    players(known, 1, (100, 40), (20, 50), (10, None))
    assert ask(known, "players") == []


def test_a_period_of_the_past_ends_with_what_held_then(known: Connection) -> None:
    players(known, 1, (100, 40), (20, 50), (10, 70))
    assert moved(ask(known, "players", 30, 15)) == [(1, 40, 50)]
    assert moved(ask(known, "players", 10, 0)) == []


def poll(conn: Connection, job: str, *looks: tuple[float, float], **own: Any) -> None:  # noqa: ANN401 - column values
    """Watch game 1, with looks that found nothing new from so many days ago to so many."""
    polls.plan(conn, [Wanted(job, "game 1", "x", 3600, game_id=1, **own)], at=days_ago(100))
    for number, (first, last) in enumerate(looks, start=1):
        row = {"id": number, "poll_id": 1, "job": job, "outcome": "unchanged"}
        counts = {"times": 1, "requests": 1, "rows_opened": 0, "rows_closed": 0}
        ends = {"first_at": days_ago(first), "last_at": days_ago(last)}
        prove(conn, **row | counts | ends)


def test_a_change_over_a_hole_is_divided_by_the_time_that_really_passed(known: Connection) -> None:
    poll(known, "progress", (100, 40), (20, 10))
    players(known, 1, (100, 40), (20, 100))
    (row,) = ask(known, "players")
    assert (row["from_at"], row["to_at"]) == (days_ago(40), days_ago(10))
    assert row["per_day"] == 2


def test_looks_that_go_on_over_an_end_saw_the_value_at_that_end(known: Connection) -> None:
    poll(known, "progress", (100, 25), (20, 10), (5, 0))
    players(known, 1, (100, 40), (20, 100))
    (row,) = ask(known, "players", 30, 15)
    assert (row["from_at"], row["to_at"], row["per_day"]) == (days_ago(30), days_ago(15), 4)


def test_of_looks_that_ended_in_the_same_second_the_one_that_went_on_counts(
    known: Connection,
) -> None:
    poll(known, "progress", (100, 40), (15, 15), (20, 15), (5, 0))
    players(known, 1, (100, 40), (25, 100))
    (row,) = ask(known, "players", 30, 17)
    assert row["to_at"] == days_ago(17)


def test_achievements_are_ranked_with_the_titles_of_their_games(known: Connection) -> None:
    unlocks(known, 11, (100, 5), (20, 8))
    unlocks(known, 12, (100, 50), (20, 60))
    rows = ask(known, "unlocks")
    assert [(row["achievement_id"], row["change"]) for row in rows] == [(12, 10), (11, 3)]
    assert (rows[0]["game"], rows[0]["achievement"]) == ("Game 1", "Deed 12")
    rows = ask(known, "unlocks", is_relative=True)
    assert [row["achievement_id"] for row in rows] == [11, 12]


def test_rarity_goes_by_the_players_of_the_game_then_and_now(known: Connection) -> None:
    players(known, 1, (100, 100), (15, 200))
    unlocks(known, 11, (100, 10), (20, 40))
    unlocks(known, 12, (100, 50), (20, 52))
    rows = ask(known, "rarity")
    told = [(row["achievement_id"], row["before"], row["after"]) for row in rows]
    assert told == [(12, 0.5, 0.26), (11, 0.1, 0.2)]
    assert all(row["is_whole"] for row in rows)


def test_rarity_without_players_is_not_told(known: Connection) -> None:
    players(known, 1, (100, 0), (15, 200))
    unlocks(known, 11, (100, 10), (20, 40))
    assert ask(known, "rarity") == []


def test_rarity_is_not_ranked_where_unlocks_were_seen_first_and_stood_still(
    known: Connection,
) -> None:
    players(known, 1, (100, 100), (15, 200))
    unlocks(known, 11, (20, 10))
    assert ask(known, "rarity") == []


def test_mastery_follows_a_set_that_grew(known: Connection) -> None:
    bucket(known, 1, (100, 30), (20, 35))
    bucket(known, 2, (100, 9), (20, 12))
    bucket(known, 3, (20, 4), (10, 5))
    rows = ask(known, "mastery")
    assert moved(rows) == [(1, 9, 5)]
    assert ask(known, "mastery", 15)[0]["before"] == 4


def test_mastery_that_was_first_seen_in_the_period_is_marked(known: Connection) -> None:
    bucket(known, 1, (20, 30), (15, 35))
    bucket(known, 2, (20, 9), (15, 12))
    (row,) = ask(known, "mastery")
    assert moved([row]) == [(1, 9, 12)]
    assert (row["is_whole"], row["from_at"]) == (False, days_ago(20))


def test_tickets_are_those_of_official_achievements(known: Connection) -> None:
    for is_promoted, now in ((True, 5), (False, 50)):
        key = {"game_id": 1, "is_promoted": is_promoted}
        hold(known, schema.game_ticket_counts, "reported", [(100, 3), (9, now)], **key)
    assert moved(ask(known, "tickets")) == [(1, 3, 5)]


def test_developers_and_players_are_ranked_by_name(known: Connection) -> None:
    table = schema.developer_ticket_counts
    hold(known, table, "open", [(100, 3), (9, 7)], user_id=1)
    hold(known, schema.progress, "awarded", [(100, 3), (9, 7)], user_id=2, game_id=3)
    (developer,), (player,) = ask(known, "developers"), ask(known, "progress")
    assert (developer["user"], developer["change"]) == ("Ann", 4)
    assert (player["user"], player["game"], player["change"]) == ("Bob", "Game 3", 4)


@pytest.mark.parametrize("name", top.RANKINGS)
def test_a_ranking_of_an_empty_database_is_empty(conn: Connection, name: str) -> None:
    assert ask(conn, name) == []


@pytest.mark.parametrize("name", top.RANKINGS)
def test_every_row_has_the_columns_that_its_ranking_names(known: Connection, name: str) -> None:
    players(known, 1, (100, 100), (15, 200))
    unlocks(known, 11, (100, 10), (20, 40))
    bucket(known, 1, (100, 30), (20, 35))
    official = {"game_id": 1, "is_promoted": True}
    hold(known, schema.game_ticket_counts, "reported", [(100, 3), (9, 4)], **official)
    hold(known, schema.developer_ticket_counts, "open", [(100, 3), (9, 7)], user_id=1)
    hold(known, schema.progress, "awarded", [(100, 3), (9, 7)], user_id=2, game_id=3)
    (row,) = ask(known, name)
    assert tuple(row) == top.RANKINGS[name].columns


def test_who_mistypes_a_ranking_is_told_the_nearest(conn: Connection) -> None:
    with pytest.raises(ConfigError, match=r"no ranking is called 'ticket', did you mean tickets\?"):
        ask(conn, "ticket")
    with pytest.raises(ConfigError, match="there are tickets, developers"):
        ask(conn, "x")


# --- against a reading of every row ----------------------------------------------------

values = st.one_of(st.none(), st.integers(0, 9))
histories = st.lists(
    st.lists(st.tuples(st.integers(0, 60), values), max_size=8, unique_by=lambda step: step[0]),
    max_size=4,
)
ends = st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(lambda both: both[0] > both[1])


def truth(steps: Steps, since: int, until: int) -> tuple[Any, Any] | None:
    """Tell what a key was at first in a period, and at its end, by a walk through its days."""
    held = [_held(steps, day) for day in range(since, until - 1, -1)]
    seen = [value for value in held if value is not None]
    if not seen or held[-1] is None or seen[0] == held[-1]:
        return None
    return seen[0], held[-1]


def _held(steps: Steps, day: int) -> Any:  # noqa: ANN401 - a value
    begun = [value for days, value in steps if days >= day]
    return begun[-1] if begun else None


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@settings(max_examples=examples(80), suppress_health_check=list(HealthCheck))
@given(histories, ends)
def test_a_ranking_says_what_a_walk_through_the_days_says(
    known: Connection, drawn: list[list[tuple[int, Any]]], both: tuple[int, int]
) -> None:
    told = [sorted(steps, reverse=True) for steps in drawn]
    with known.begin_nested() as savepoint:
        for game, steps in enumerate(told, start=1):
            players(known, game, *steps)
        found = {row[0]: row[1:] for row in moved(ask(known, "players", *both))}
        savepoint.rollback()
    expected = {game: truth(steps, *both) for game, steps in enumerate(told, start=1)}
    assert found == {game: values for game, values in expected.items() if values}
