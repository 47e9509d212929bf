from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from looks import (
    ALWAYS,
    RING,
    SONIC,
    SPELUNKER,
    STAR,
    STUB,
    ask,
    at,
    columns,
    looked,
    tell,
)
from sqlalchemy import Connection, Engine, event, insert
from sqlalchemy.engine.interfaces import DBAPICursor

from harvester.errors import ConfigError
from harvester.store import history, schema, series, trends, users
from harvester.store.polls import Wanted, plan
from harvester.store.rows import UserRef

MAX = "00003EMFWR7XB8SDPEHB3K56ZQ"
SCOTT = "01HDA2FN3QPG2QVKG1QPNDCKYZ"


@pytest.fixture
def known(conn: Connection) -> Connection:
    """Two games with their achievements, a stub of a third, looked at all the time."""
    tell(
        conn,
        schema.game_versions,
        0,
        {"game_id": SONIC, "title": "Sonic the Hedgehog"},
        {"game_id": SPELUNKER, "title": "Spelunker"},
        {"game_id": STUB},
    )
    tell(
        conn,
        schema.achievement_versions,
        0,
        {"achievement_id": RING, "game_id": SONIC, "title": "Ring"},
        {"achievement_id": STAR, "game_id": SONIC, "title": "Star"},
    )
    for game in (SONIC, SPELUNKER, STUB):
        for job in ("game-tickets", "distribution", "progress"):
            looked(conn, job, ALWAYS, game=game)
    return conn


def acquaint(conn: Connection, name: str, ulid: str | None = None, days: float = 0) -> int:
    ref = UserRef(name, ulid)
    ids, _ = users.resolve(conn, [ref], at=at(days), fetch_id=None)
    looked(conn, "developer-tickets", ALWAYS, user=ids[ref])
    for game in (SONIC, SPELUNKER, STUB):
        looked(conn, "progress", ALWAYS, game=game, user=ids[ref])
    return ids[ref]


def test_every_trend_has_a_name_and_its_options() -> None:
    assert list(trends.TRENDS) == [
        "game-tickets",
        "developer-tickets",
        "ticket-flow",
        "distribution",
        "mastery",
        "players",
        "unlocks",
        "unlock-rate",
        "rarity",
        "progress",
        "changes",
    ]
    for name, trend in trends.TRENDS.items():
        assert trend.name == name
        assert trend.needs
        assert set(trend.needs) <= set(trend.keys) <= {"game", "achievement", "user", "developer"}


def test_the_first_value_of_a_trend_is_what_it_is_asked_for() -> None:
    """Tables show how the first one goes, as small bars."""
    first = {name: trend.values[0] for name, trend in trends.TRENDS.items()}
    assert (first["mastery"], first["players"], first["rarity"]) == (
        "mastered",
        "players",
        "rarity",
    )


def test_a_row_is_the_end_of_its_period_the_keys_and_the_values(known: Connection) -> None:
    tell(known, schema.game_counters, 0.5, {"game_id": SONIC, "players": 10, "achievements": 2})
    tell(known, schema.game_counters, 1.5, {"game_id": SONIC, "players": 15, "achievements": 2})

    rows = ask(known, "players", games=[SONIC], until=at(2.25))

    labels = {"game_id": SONIC, "game": "Sonic the Hedgehog"}
    assert rows == [
        {"time": at(1), **labels, "players": 10, "achievements": 2, "is_observed": True},
        {"time": at(2), **labels, "players": 15, "achievements": 2, "is_observed": True},
        {"time": at(2.25), **labels, "players": 15, "achievements": 2, "is_observed": True},
    ]
    assert list(rows[0]) == ["time", "game_id", "game", "players", "achievements", "is_observed"]


def test_nothing_is_told_before_the_first_look_nor_after_a_closed_row(known: Connection) -> None:
    tell(known, schema.game_counters, 1.5, {"game_id": SONIC, "players": 10})
    history.close(known, schema.game_counters, [{"game_id": SONIC}], at=at(3.5))

    rows = ask(known, "players", games=[SONIC], until=at(5))

    assert columns(rows, "players") == [(None,), (10,), (10,), (None,), (None,)]


def test_a_change_on_the_bound_belongs_to_the_period_that_ends_there(known: Connection) -> None:
    tell(known, schema.game_counters, 1, {"game_id": SONIC, "players": 10})
    tell(known, schema.game_counters, 2, {"game_id": SONIC, "players": 11})

    assert columns(ask(known, "players", games=[SONIC]), "players") == [(10,), (11,), (11,)]


def test_what_changed_after_the_range_is_not_told(known: Connection) -> None:
    tell(known, schema.game_counters, 1, {"game_id": SONIC, "players": 10})
    tell(known, schema.game_counters, 3.5, {"game_id": SONIC, "players": 99})

    assert columns(ask(known, "players", games=[SONIC]), "players") == [(10,)] * 3


def test_several_games_are_told_period_by_period_in_the_order_asked(known: Connection) -> None:
    tell(known, schema.game_counters, 0, {"game_id": SONIC, "players": 10})

    rows = ask(known, "players", games=[SPELUNKER, SONIC], until=at(1))

    assert columns(rows, "time", "game", "players") == [
        (at(1), "Spelunker", None),
        (at(1), "Sonic the Hedgehog", 10),
    ]


def test_a_game_known_only_by_its_id_has_no_title_and_no_values(known: Connection) -> None:
    assert columns(ask(known, "players", games=[STUB]), "game", "players") == [(None, None)] * 3


def test_only_rows_that_overlap_the_range_are_fetched(known: Connection) -> None:
    for day in range(40):
        tell(known, schema.game_counters, day, {"game_id": SONIC, "players": day})
    asked = {"games": [SONIC], "since": at(20), "until": at(23)}

    with fetched_rows(known) as fetched:
        assert columns(ask(known, "players", **asked), "players") == [(21,), (22,), (23,)]

    assert fetched["game_counters"] == 3


@contextmanager
def fetched_rows(conn: Connection) -> Iterator[dict[str, int]]:
    """Count the rows that each statement over a history table returns, by asking it again."""
    counts: dict[str, int] = {}
    is_counting = False

    def count(
        conn: Connection,
        cursor: DBAPICursor,
        statement: str,
        parameters: Any,  # noqa: ANN401 - the driver's
        _context: object,
        _many: bool,  # noqa: FBT001 - as above
    ) -> None:
        nonlocal is_counting
        table = next((name for name in schema.HISTORIES if f"FROM {name}" in statement), None)
        if table and not is_counting:
            is_counting = True
            counts[table] = len(conn.exec_driver_sql(statement, parameters).all())
            is_counting = False

    event.listen(conn, "after_cursor_execute", count)
    yield counts
    event.remove(conn, "after_cursor_execute", count)


def test_tickets_of_a_game_are_told_by_state(known: Connection) -> None:
    official = {"game_id": SONIC, "is_promoted": True}
    tell(known, schema.game_ticket_counts, 0.5, {"reported": 3}, within=official)
    states = {"open": 2, "request": 0, "resolved": 1, "closed": 1, "quarantined": 0}
    tell(known, schema.game_ticket_counts, 1.5, {"reported": 4, **states}, within=official)

    rows = ask(known, "game-tickets", games=[SONIC], until=at(2))

    assert columns(rows, "is_promoted", "reported", "open", "resolved") == [
        (True, 3, None, None),
        (True, 4, 2, 1),
    ]
    assert list(rows[0])[-7:-1] == list(trends.TRENDS["game-tickets"].values)


def test_tickets_of_unofficial_achievements_are_rows_of_their_own(known: Connection) -> None:
    for is_promoted, count in ((True, 3), (False, 1)):
        within = {"game_id": SONIC, "is_promoted": is_promoted}
        tell(known, schema.game_ticket_counts, 0.5, {"reported": count}, within=within)

    rows = ask(known, "game-tickets", games=[SONIC, SPELUNKER], until=at(1))

    assert columns(rows, "game_id", "is_promoted", "reported") == [
        (SONIC, True, 3),
        (SONIC, False, 1),
        (SPELUNKER, True, None),
    ]


def test_tickets_of_a_developer_are_told_by_name(known: Connection) -> None:
    scott = acquaint(known, "Scott", SCOTT)
    counts = {"user_id": scott, "open": 5, "closed": 1, "resolved": 2, "total": 8}
    tell(known, schema.developer_ticket_counts, 0.5, counts)

    rows = ask(known, "developer-tickets", developers=["Scott"], until=at(1))

    expected = {"developer": "Scott", "open": 5, "closed": 1, "resolved": 2, "total": 8}
    assert rows == [{"time": at(1), **expected, "is_observed": True}]


def distribute(
    conn: Connection,
    days: float,
    players: dict[int, int],
    *,
    is_hardcore: bool = True,
    is_promoted: bool = True,
) -> None:
    within = {"game_id": SONIC, "is_promoted": is_promoted, "is_hardcore": is_hardcore}
    rows = [{"unlocked": unlocked, "players": held} for unlocked, held in players.items()]
    tell(conn, schema.distribution, days, *rows, within=within, complete=True)


def test_a_distribution_is_a_row_for_every_bucket_that_there_was(known: Connection) -> None:
    distribute(known, 0.5, {1: 7, 2: 3})
    distribute(known, 1.5, {1: 7, 2: 2, 3: 1})
    distribute(known, 2.5, {1: 8})

    rows = ask(known, "distribution", games=[SONIC])

    hardcore = [row for row in rows if row["is_hardcore"]]
    assert columns(hardcore, "time", "unlocked", "players") == [
        (at(1), 1, 7),
        (at(1), 2, 3),
        (at(2), 1, 7),
        (at(2), 2, 2),
        (at(2), 3, 1),
        (at(3), 1, 8),
    ]


def test_a_distribution_that_is_not_known_is_one_row_without_values(known: Connection) -> None:
    distribute(known, 1.5, {1: 7}, is_hardcore=False)

    rows = ask(known, "distribution", games=[SONIC], until=at(2))

    assert columns(rows, "is_promoted", "is_hardcore", "unlocked", "players") == [
        (True, True, None, None),
        (True, False, None, None),
        (True, True, None, None),
        (True, False, 1, 7),
    ]


def test_the_distribution_of_unofficial_achievements_comes_last(known: Connection) -> None:
    distribute(known, 0.5, {1: 4}, is_promoted=False)

    rows = ask(known, "distribution", games=[SONIC], until=at(1))

    assert columns(rows, "is_promoted", "is_hardcore", "players") == [
        (True, True, None),
        (True, False, None),
        (False, True, 4),
    ]


def test_mastery_is_the_last_hardcore_bucket_of_the_time(known: Connection) -> None:
    distribute(known, 0.5, {1: 7, 2: 3})
    distribute(known, 0.5, {1: 7, 2: 3, 3: 9}, is_hardcore=False)
    distribute(known, 0.5, {1: 7, 4: 5}, is_promoted=False)
    distribute(known, 1.5, {1: 7, 2: 3, 3: 0})

    rows = ask(known, "mastery", games=[SONIC, SPELUNKER], until=at(2))

    assert columns(rows, "game_id", "achievements", "mastered") == [
        (SONIC, 2, 3),
        (SPELUNKER, None, None),
        (SONIC, 3, 0),
        (SPELUNKER, None, None),
    ]


def count(conn: Connection, days: float, achievement: int, unlocks: int, hardcore: int) -> None:
    row = {"achievement_id": achievement, "unlocks": unlocks, "unlocks_hardcore": hardcore}
    tell(conn, schema.achievement_counters, days, row)


def test_unlocks_of_a_game_are_those_of_all_its_achievements(known: Connection) -> None:
    count(known, 0.5, STAR, 9, 4)

    rows = ask(known, "unlocks", games=[SONIC], until=at(1))

    labels = {"time": at(1), "game_id": SONIC, "game": "Sonic the Hedgehog"}
    assert rows == [
        {
            **labels,
            "achievement_id": RING,
            "achievement": "Ring",
            "unlocks": None,
            "unlocks_hardcore": None,
            "is_observed": True,
        },
        {
            **labels,
            "achievement_id": STAR,
            "achievement": "Star",
            "unlocks": 9,
            "unlocks_hardcore": 4,
            "is_observed": True,
        },
    ]


def test_unlocks_of_one_achievement_are_told_alone(known: Connection) -> None:
    count(known, 0.5, RING, 9, 4)
    count(known, 0.5, STAR, 8, 3)

    rows = ask(known, "unlocks", achievements=[STAR], until=at(1))

    assert columns(rows, "achievement", "unlocks", "unlocks_hardcore") == [("Star", 8, 3)]


def test_an_achievement_without_a_game_is_told_without_labels_and_counts_nobody_looked_at(
    known: Connection,
) -> None:
    count(known, 0.5, 99, 1, 0)

    rows = ask(known, "unlocks", achievements=[99], until=at(1))

    told = columns(rows, "game_id", "game", "achievement", "unlocks", "is_observed")
    assert told == [(None, None, None, None, False)]


def test_rarity_is_the_share_of_the_players_of_that_time(known: Connection) -> None:
    tell(known, schema.game_counters, 0.5, {"game_id": SONIC, "players": 10})
    count(known, 0.5, RING, 5, 2)
    tell(known, schema.achievement_ratios, 0.5, {"achievement_id": RING, "true_ratio": 12})
    tell(known, schema.game_counters, 1.5, {"game_id": SONIC, "players": 20})

    rows = ask(known, "rarity", achievements=[RING], until=at(2))

    assert columns(rows, "rarity", "rarity_hardcore", "true_ratio") == [
        (0.5, 0.2, 12),
        (0.25, 0.1, 12),
    ]


def test_rarity_is_not_told_where_players_or_counters_are_not_known(known: Connection) -> None:
    count(known, 0.5, RING, 5, 2)
    tell(known, schema.achievement_ratios, 1.5, {"achievement_id": STAR, "true_ratio": 7})
    tell(known, schema.game_counters, 2.5, {"game_id": SONIC, "players": 0})

    rows = ask(known, "rarity", games=[SONIC])

    assert columns(rows, "achievement", "rarity", "rarity_hardcore", "true_ratio") == [
        ("Ring", None, None, None),
        ("Star", None, None, None),
        ("Ring", None, None, None),
        ("Star", None, None, 7),
        ("Ring", None, None, None),
        ("Star", None, None, 7),
    ]


def test_rarity_of_a_moved_achievement_looks_at_the_game_it_was_in(known: Connection) -> None:
    for game, players in ((SONIC, 10), (SPELUNKER, 100)):
        tell(known, schema.game_counters, 0, {"game_id": game, "players": players})
    count(known, 0, RING, 5, 5)
    moved = {"achievement_id": RING, "game_id": SPELUNKER}
    tell(known, schema.achievement_versions, 1.5, moved)

    rows = ask(known, "rarity", achievements=[RING], until=at(2))

    assert columns(rows, "game", "rarity") == [("Spelunker", 0.5), ("Spelunker", 0.05)]


def advance(conn: Connection, days: float, user: int, game: int, awarded: int) -> None:
    row = {"awarded": awarded, "completion": awarded / 2}
    tell(conn, schema.progress, days, row, within={"user_id": user, "game_id": game})


def test_progress_is_told_for_every_player_and_game_asked(known: Connection) -> None:
    maxi, scott = acquaint(known, "Max", MAX), acquaint(known, "Scott", SCOTT)
    advance(known, 0.5, maxi, SONIC, 1)
    advance(known, 0.5, scott, SPELUNKER, 2)

    rows = ask(known, "progress", users=["Max", "Scott"], games=[SONIC], until=at(1))

    assert columns(rows, "user", "game", "awarded", "completion") == [
        ("Max", "Sonic the Hedgehog", 1, 0.5),
        ("Scott", "Sonic the Hedgehog", None, None),
    ]
    assert list(rows[0])[4:] == [*trends.TRENDS["progress"].values, "is_observed"]


def test_progress_without_a_game_is_told_for_every_game_known_of_a_player(
    known: Connection,
) -> None:
    maxi, scott = acquaint(known, "Max", MAX), acquaint(known, "Scott", SCOTT)
    advance(known, 0.5, maxi, SPELUNKER, 1)
    advance(known, 1.5, maxi, SONIC, 2)
    advance(known, 0.5, scott, STUB, 2)

    rows = ask(known, "progress", users=["Max", "Scott"], until=at(2))

    assert columns(rows, "user", "game_id", "awarded") == [
        ("Max", SONIC, None),
        ("Max", SPELUNKER, 1),
        ("Scott", STUB, 2),
        ("Max", SONIC, 2),
        ("Max", SPELUNKER, 1),
        ("Scott", STUB, 2),
    ]


def test_a_player_is_found_by_ulid_and_by_every_name_he_bore(known: Connection) -> None:
    maxi = acquaint(known, "MaxMilyin", MAX)
    acquaint(known, "Max", MAX, days=1)
    advance(known, 1.5, maxi, SONIC, 1)

    for name in (MAX, MAX.lower(), "Max", "MaxMilyin", "mAX"):
        rows = ask(known, "progress", users=[name], games=[SONIC], until=at(2))
        assert columns(rows, "user", "awarded") == [("Max", None), ("Max", 1)]


def test_a_name_that_changed_hands_means_who_bears_it_now(known: Connection) -> None:
    acquaint(known, "Max", MAX)
    acquaint(known, "Maximus", MAX, days=1)
    advance(known, 1.5, acquaint(known, "Max", SCOTT, days=1), SONIC, 2)

    rows = ask(known, "progress", users=["Max"], games=[SONIC], until=at(2))

    assert columns(rows, "user", "awarded") == [("Max", None), ("Max", 2)]


def test_a_name_that_several_gave_up_asks_for_a_ulid(known: Connection) -> None:
    for ulid, later in ((MAX, "Max1"), (SCOTT, "Max2")):
        acquaint(known, "Max", ulid)
        acquaint(known, later, ulid, days=1)

    with pytest.raises(ConfigError, match=f"'Max': give one of the ULIDs {MAX}, {SCOTT}$"):
        ask(known, "progress", users=["Max"])


def test_a_bearer_whose_ulid_is_known_is_preferred_to_a_stand_in(known: Connection) -> None:
    maxi = acquaint(known, "Max", MAX)
    known.execute(insert(schema.users).values(id=77, name="Max", first_seen_at=at(0)))
    tell(known, schema.user_names, 0, {"user_id": 77, "name": "Max"})
    advance(known, 0.5, maxi, SONIC, 1)

    rows = ask(known, "progress", users=["Max"], games=[SONIC], until=at(1))

    assert columns(rows, "awarded") == [(1,)]


def test_a_player_known_by_name_alone_is_found_by_it(known: Connection) -> None:
    advance(known, 0.5, acquaint(known, "Max"), SONIC, 1)

    rows = ask(known, "progress", users=["Max"], until=at(1))

    assert columns(rows, "user", "awarded") == [("Max", 1)]


def test_a_player_without_a_name_is_called_by_his_ulid(known: Connection) -> None:
    known.execute(insert(schema.users).values(id=5, ulid=MAX, first_seen_at=at(0)))
    looked(known, "progress", ALWAYS, game=SONIC, user=5)
    advance(known, 0.5, 5, SONIC, 1)

    rows = ask(known, "progress", users=[MAX], until=at(1))

    assert columns(rows, "user", "awarded") == [(MAX, 1)]


def test_two_players_of_one_name_are_told_apart_by_their_ulids(known: Connection) -> None:
    for own, ulid in ((5, MAX), (6, SCOTT)):
        known.execute(
            insert(schema.users).values(id=own, ulid=ulid, name="Max", first_seen_at=at(0))
        )
        looked(known, "progress", ALWAYS, game=SONIC, user=own)
        advance(known, 0.5, own, SONIC, own)

    rows = ask(known, "progress", users=[MAX, SCOTT], until=at(1))

    assert columns(rows, "user", "awarded") == [(f"Max ({MAX})", 5), (f"Max ({SCOTT})", 6)]


def watch(conn: Connection, **target: Any) -> None:  # noqa: ANN401 - columns of a poll
    wanted = Wanted("progress", str(target), "3600s", 3600, **target)
    plan(conn, [wanted], at=at(0), within=schema.polls.c.id < 0)


UNANSWERABLE: list[tuple[str, dict[str, Any], str]] = [
    ("masteri", {"games": [1]}, "no trend is called 'masteri', did you mean mastery?"),
    ("xyz", {}, "no trend is called 'xyz', there are game-tickets, developer-tickets, "),
    ("players", {}, "trend players needs --game"),
    ("unlocks", {}, "trend unlocks needs --game or --achievement"),
    ("progress", {"games": [1]}, "trend progress needs --user"),
    ("players", {"users": ["Max"]}, "trend players takes --game, not --user"),
    ("progress", {"developers": ["Max"]}, "takes --user or --game, not --developer"),
    ("players", {"games": [7]}, "game 7 is not in the database; is it watched?"),
    ("players", {"games": [8]}, "game 8 is watched, but RA has not answered for it yet"),
    ("unlocks", {"achievements": [7]}, "achievement 7 is not in the database; is its game "),
    ("progress", {"users": ["Maxx"]}, "user 'Maxx' is not in the database, did you mean 'Max'"),
    ("progress", {"users": ["Zoe"]}, "user 'Zoe' is not in the database; is it watched?"),
    ("progress", {"users": ["ghost"]}, "user 'ghost' is watched, but RA has not answered"),
    ("developer-tickets", {"developers": ["Zoe"]}, "developer 'Zoe' is not in the database"),
    (
        "players",
        {"games": [1], "since": at(3)},
        "nothing lies between 2026-03-04 00:00 and 2026-03-04 00:00",
    ),
]


def test_a_question_that_cannot_be_answered_says_why_in_one_line(known: Connection) -> None:
    watch(known, asked_as="Max", game_id=8)
    watch(known, asked_as="Ghost")

    for name, options, message in UNANSWERABLE:
        with pytest.raises(ConfigError) as caught:
            ask(known, name, **options)
        assert message in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_a_trend_agrees_with_as_of_at_every_instant(known: Connection) -> None:
    for hour in range(0, 72, 5):
        told = {"game_id": SONIC, "players": hour // 10, "achievements": hour % 3}
        tell(known, schema.game_counters, hour / 24, told)

    rows = ask(known, "players", games=[SONIC], every=series.parse_every("1h"))

    for row in rows:
        then = history.as_of(schema.game_counters, row["time"])
        held = known.execute(then.where(schema.game_counters.c.game_id == SONIC)).one()
        assert (row["players"], row["achievements"]) == (held.players, held.achievements)


def test_more_achievements_than_one_statement_takes_are_all_told(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        versions = [{"achievement_id": own, "game_id": SONIC} for own in range(1, 1001)]
        tell(conn, schema.game_versions, 0, {"game_id": SONIC, "title": "Sonic"})
        tell(conn, schema.achievement_versions, 0, *versions)
        counted = [{"achievement_id": own, "unlocks": own} for own in range(1, 1001)]
        tell(conn, schema.achievement_counters, 0, *counted)
        looked(conn, "progress", ALWAYS, game=SONIC)

        rows = ask(conn, "unlocks", games=[SONIC], until=at(1))

    assert columns(rows, "unlocks") == [(own,) for own in range(1, 1001)]
