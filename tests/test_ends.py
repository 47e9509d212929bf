"""What numbers were at both ends of a range: by no periods, and as `top` says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looks import ALWAYS, RING, SONIC, SPELUNKER, STAR, at, looked, tell
from sqlalchemy import Connection, select

from harvester.store import changed, db, schema, top, trends
from harvester.store.trends import Ends

MOST = 10_000
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 12, tzinfo=UTC)
SAME = {  # as rankings: the trend, the number, and what their rows are told apart by
    "tickets": ("game-tickets", "reported", ("game_id",)),
    "developers": ("developer-tickets", "open", ("user",)),
    "mastery": ("mastery", "mastered", ("game_id",)),
    "players": ("players", "players", ("game_id",)),
    "unlocks": ("unlocks", "unlocks", ("achievement_id",)),
    "rarity": ("rarity", "rarity", ("achievement_id",)),
    "progress": ("progress", "awarded", ("user", "game_id")),
}


def ask(conn: Connection, name: str, since: float = 0, until: float = 3) -> list[dict[str, Any]]:
    return trends.ends(conn, name, games=[SONIC], since=at(since), until=at(until))


def players(conn: Connection, days: float, count: int | None, game: int = SONIC) -> None:
    tell(conn, schema.game_counters, days, {"game_id": game, "players": count})


def test_a_number_counts_from_the_beginning_of_the_range_and_not_from_its_first_period(
    sonic: Connection,
) -> None:
    for days, count in ((-1, 10), (0.5, 14), (2.5, 20)):
        players(sonic, days, count)
    looked(sonic, "progress", ALWAYS, game=SONIC)
    (row,) = ask(sonic, "players")

    assert row["players"] == Ends(10, 20)
    assert (row["players"].change, row["game_id"], row["game"]) == (10, SONIC, "Sonic")
    assert (row["from_at"], row["to_at"]) == (at(0), at(3))


def test_what_was_first_seen_in_the_range_counts_from_then(sonic: Connection) -> None:
    players(sonic, 1.25, 10)
    players(sonic, 1.5, 14)
    looked(sonic, "progress", (1.25, 5), game=SONIC)
    (row,) = ask(sonic, "players")

    assert row["players"] == Ends(10, 14)
    assert row["from_at"] == at(1.25)


def test_a_number_that_was_not_told_at_first_counts_from_when_it_was(sonic: Connection) -> None:
    tell(sonic, schema.game_counters, -1, {"game_id": SONIC, "achievements": 2})
    players(sonic, 1, 10)
    players(sonic, 2, 11)
    looked(sonic, "progress", ALWAYS, game=SONIC)

    (row,) = ask(sonic, "players")
    assert (row["players"], row["achievements"]) == (Ends(10, 11), Ends(2, 2))


def test_what_was_seen_last_before_a_hole_is_what_it_is_at_the_end(sonic: Connection) -> None:
    players(sonic, 0, 10)
    players(sonic, 1.1, 12)
    looked(sonic, "progress", (0, 1.2), game=SONIC)
    (row,) = ask(sonic, "players")

    assert row["players"] == Ends(10, 12)
    assert row["to_at"] == at(1.2)


def test_where_nobody_looked_nothing_is_told(sonic: Connection) -> None:
    players(sonic, -2, 10)
    looked(sonic, "progress", (-2, -1), (4, 5), game=SONIC)
    (row,) = ask(sonic, "players")

    assert row["players"] == Ends()
    assert row["players"].change is None
    assert (row["from_at"], row["to_at"]) == (None, None)


def test_a_look_at_the_very_end_of_the_range_belongs_to_it(sonic: Connection) -> None:
    players(sonic, 3, 10)
    looked(sonic, "progress", (3, 3), game=SONIC)

    assert [row["players"] for row in ask(sonic, "players")] == [Ends(10, 10)]


def test_each_bucket_of_a_distribution_has_its_own_ends(sonic: Connection) -> None:
    kind = {"game_id": SONIC, "is_promoted": True, "is_hardcore": True}
    for days, held in ((-1, {1: 5, 2: 1}), (1, {1: 6, 2: 1, 3: 4}), (2, {1: 6, 2: 3, 3: 7})):
        rows = ({**kind, "unlocked": own, "players": count} for own, count in held.items())
        tell(sonic, schema.distribution, days, *rows)
    looked(sonic, "distribution", ALWAYS, game=SONIC)

    told = {row["unlocked"]: row["players"] for row in ask(sonic, "distribution")}
    assert told == {1: Ends(5, 6), 2: Ends(1, 3), 3: Ends(4, 7)}


def test_an_achievement_that_left_the_set_has_no_rarity_at_the_end(sonic: Connection) -> None:
    players(sonic, -1, 10)
    tell(sonic, schema.achievement_counters, -1, {"achievement_id": RING, "unlocks": 5})
    left = {"achievement_id": RING, "game_id": SONIC, "title": "Ring", "is_promoted": False}
    tell(sonic, schema.achievement_versions, 1, left, fetch=2)
    players(sonic, 1, 20)
    looked(sonic, "progress", ALWAYS, game=SONIC)

    told = {row["achievement_id"]: row["rarity"] for row in ask(sonic, "rarity")}
    assert told == {RING: Ends(0.5, None), STAR: Ends()}


def test_what_happens_has_no_ends(sonic: Connection) -> None:
    assert ask(sonic, "unlock-rate") == []


# --- the same as `top`


@pytest.fixture(scope="module")
def weeks(weeks_file: Path) -> Iterator[Connection]:
    """Yield six weeks in which players played on and tickets came and went."""
    engine = db.connect(f"sqlite:///{weeks_file}", is_read_only=True)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def keys(conn: Connection, trend: str) -> dict[str, Any]:
    """Name everything there is that a trend takes."""
    users = list(conn.scalars(select(schema.users.c.ulid).where(schema.users.c.ulid.is_not(None))))
    needed = {"game": ("games", list(conn.scalars(select(schema.games.c.id))))}
    needed |= {"user": ("users", users), "developer": ("developers", users)}
    (need, *_) = (one for one in trends.TRENDS[trend].needs if one in needed)
    name, those = needed[need]
    return {name: those}


def ranked(conn: Connection, name: str, since: datetime, until: datetime) -> dict[Any, Any]:
    rows = top.ranked(conn, name, since=since, until=until, limit=MOST)
    told = SAME[name][2]
    return {tuple(row[key] for key in told): (row["before"], row["after"]) for row in rows}


def moved(conn: Connection, name: str, since: datetime, until: datetime) -> dict[Any, Any]:
    trend, number, told = SAME[name]
    rows = trends.ends(conn, trend, since=since, until=until, **keys(conn, trend))
    called = {"developer": "user"} | {key: key for key in told}
    return {
        tuple(row[own] for own in row if called.get(own) in told): tuple(row[number])
        for row in rows
        if row.get("is_promoted") is not False and row[number].change
    }


RANGES = [
    (START, END),
    (datetime(2025, 10, 1, tzinfo=UTC), END),
    (datetime(2024, 1, 1, tzinfo=UTC), END),
    (START + timedelta(days=9, hours=7), START + timedelta(days=17, hours=3)),
    (START + timedelta(days=21), START + timedelta(days=22)),  # nobody looks
    (START + timedelta(days=19), START + timedelta(days=24)),
]


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize(("since", "until"), RANGES)
def test_the_ends_of_a_trend_are_what_top_says(
    weeks: Connection, name: str, since: datetime, until: datetime
) -> None:
    told, expected = moved(weeks, name, since, until), ranked(weeks, name, since, until)
    if name == "rarity":  # which also moves with players alone
        unlocked = ranked(weeks, "unlocks", since, until)
        told = {key: ends for key, ends in told.items() if key in unlocked}
    assert told == expected


values = st.one_of(st.none(), st.integers(0, 9))
histories = st.lists(
    st.lists(st.tuples(st.integers(0, 60), values), max_size=8, unique_by=lambda step: step[0]),
    min_size=2,
    max_size=2,
)
both_ends = st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(lambda own: own[0] < own[1])


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(histories, both_ends, st.sampled_from([timedelta.max, timedelta(0)]))
def test_the_ends_of_any_history_are_what_top_says(
    sonic: Connection, drawn: list[list[tuple[int, Any]]], both: tuple[int, int], short: timedelta
) -> None:
    since, until = (at(days) for days in both)
    with pytest.MonkeyPatch.context() as patch, sonic.begin_nested() as savepoint:
        patch.setattr(changed, "SHORT", short)
        tell(sonic, schema.game_versions, 0, {"game_id": SPELUNKER, "title": "S"}, fetch=1)
        for game, steps in zip((SONIC, SPELUNKER), drawn, strict=True):
            looked(sonic, "progress", ALWAYS, game=game)
            for days, count in sorted(steps):
                players(sonic, days, count, game)
        expected, told = (of(sonic, "players", since, until) for of in (ranked, moved))
        savepoint.rollback()

    assert told == expected
