"""How many tickets were opened and done with, by their own dates, and what was revised in a set."""

from datetime import datetime
from typing import Any

import pytest
from looks import (
    ALWAYS,
    RING,
    SONIC,
    SPELUNKER,
    STAR,
    ask,
    at,
    columns,
    looked,
    polls,
    tell,
)
from sqlalchemy import Connection, insert

from harvester.errors import ConfigError
from harvester.store import notes, schema, series, trends

ANN, BOB = 1, 2
KINDS = ("opened", "closed", "resolved", "reopened")
UNKNOWN = (None, None, None, None)


@pytest.fixture
def listed(sonic: Connection) -> Connection:
    """Let the tickets of the game be listed since the second day, looked at ever since."""
    for own, name in ((ANN, "Ann"), (BOB, "Bob")):
        sonic.execute(insert(schema.users).values(id=own, name=name, first_seen_at=at(0)))
        sonic.execute(insert(schema.user_names).values(user_id=own, name=name, valid_from=at(0)))
    own = looked(sonic, "game-tickets", (1, 3), game=SONIC)
    seen: dict[str, Any] = {"memory": "{}", "last_ok_at": at(3), "watched_from": at(1)}
    sonic.execute(polls.update().where(polls.c.id == own).values(seen))
    return sonic


def ticket(
    conn: Connection,
    own: int,
    reported: float | None,
    *states: tuple[float, str, float | None],
    assignee: int = ANN,
    game: int = SONIC,
) -> None:
    """Tell of a ticket, and of every state: when it was seen so, and RA's date of its end."""
    row = {"id": own, "achievement_id": RING, "game_id": game, "assignee_id": assignee}
    tell(conn, schema.tickets, 1, {**row, "reported_at": when(reported)})
    for days, state, done in states:
        told = {"ticket_id": own, "state": state, "resolved_at": when(done)}
        tell(conn, schema.ticket_states, days, told)


def when(days: float | None) -> datetime | None:
    return None if days is None else at(days)


def flow(conn: Connection, **options: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as answer takes them
    return columns(ask(conn, "ticket-flow", **{"games": [SONIC], **options}), *KINDS)


def test_tickets_count_by_their_own_dates_back_before_the_first_look(listed: Connection) -> None:
    ticket(listed, 1, -0.5, (1, "resolved", 0.5))
    ticket(listed, 2, 0.2, (1, "open", None), (2.5, "closed", 2.4))

    rows = ask(listed, "ticket-flow", games=[SONIC], since=at(-1))

    assert columns(rows, *KINDS) == [(1, 0, 0, None), (1, 0, 1, None), (0, 0, 0, 0), (0, 1, 0, 0)]
    bases = [("reconstructed",), ("reconstructed",), ("observed",), ("observed",)]
    assert columns(rows, "basis") == bases
    assert {row["is_observed"] for row in rows} == {True}


def test_a_ticket_that_is_opened_again_counts_when_that_was_seen(listed: Connection) -> None:
    ticket(listed, 1, 0, (1, "resolved", 0.5), (1.5, "open", None), (2.5, "closed", 2.2))

    assert flow(listed) == [(1, 0, 1, None), (0, 0, 0, 1), (0, 1, 0, 0)]


def test_done_at_another_date_than_before_means_opened_again_unseen(listed: Connection) -> None:
    ticket(listed, 1, 0, (1, "resolved", 0.5), (2.5, "resolved", 2.2))

    assert flow(listed) == [(1, 0, 1, None), (0, 0, 0, 0), (0, 0, 1, 1)]


def test_closed_instead_of_resolved_at_the_same_date_is_no_second_end(listed: Connection) -> None:
    ticket(listed, 1, 0, (1, "resolved", 0.5), (2.5, "closed", 0.5))

    assert flow(listed) == [(1, 0, 1, None), (0, 0, 0, 0), (0, 0, 0, 0)]


def test_quarantine_is_no_end_and_no_beginning(listed: Connection) -> None:
    ticket(listed, 1, 0, (1, "open", None), (1.5, "quarantined", None), (2.5, "open", None))
    ticket(listed, 2, None, (1, "closed", 0.5), (1.5, "quarantined", None), (2.5, "closed", 0.5))

    assert flow(listed) == [(1, 1, 0, None), (0, 0, 0, 0), (0, 0, 0, 0)]


def test_where_ra_does_not_date_an_end_it_counts_when_it_was_seen(listed: Connection) -> None:
    ticket(listed, 1, 0, (1, "open", None), (1.5, "closed", None))

    assert flow(listed) == [(1, 0, 0, None), (0, 1, 0, 0), (0, 0, 0, 0)]


def test_what_is_not_listed_is_not_told_and_said_to_be_so(listed: Connection) -> None:
    ticket(listed, 1, 0, (1, "open", None))
    listed.execute(polls.update().values(memory=None))

    answer = trends.answer(
        listed, "ticket-flow", games=[SONIC], since=at(0), until=at(3),
        every=series.parse_every("1d"),
    )  # fmt: skip

    assert columns(answer.rows, *KINDS, "is_observed") == [(*UNKNOWN, False)] * 3
    assert answer.missing == (
        "1 of 1 games: tickets are not listed (detail is off, or the game is not watched)"
    )


def test_periods_after_the_last_look_are_not_told(listed: Connection) -> None:
    listed.execute(polls.update().values(last_ok_at=at(2.5)))

    assert flow(listed, until=at(4)) == [(0, 0, 0, None), (0, 0, 0, 0), UNKNOWN, UNKNOWN]


def test_the_flow_of_a_developer_is_that_of_the_tickets_assigned_to_him(
    listed: Connection,
) -> None:
    ticket(listed, 1, 1.2, (1.2, "open", None), assignee=ANN)
    ticket(listed, 2, 1.3, (1.3, "open", None), assignee=BOB)
    ticket(listed, 3, 1.4, (1.4, "open", None), assignee=ANN, game=SPELUNKER)  # not listed

    rows = ask(listed, "ticket-flow", developers=["Ann", "Bob"], games=())
    of_both = ask(listed, "ticket-flow", developers=["Ann"], games=[SONIC])

    assert columns(rows, "developer", "opened")[2:4] == [("Ann", 1), ("Bob", 1)]
    assert columns(of_both, "developer", "game", "opened")[1] == ("Ann", "Sonic", 1)


def test_dates_are_held_against_ras_own_count(listed: Connection) -> None:
    for days, count in ((1, 1), (2.5, 3)):
        within = {"game_id": SONIC, "is_promoted": True}
        tell(listed, schema.game_ticket_counts, days, {"reported": count}, within=within)
    ticket(listed, 1, 0, (1, "open", None))
    ticket(listed, 2, 2.2, (2.5, "open", None))

    answer = trends.answer(
        listed, "ticket-flow", games=[SONIC], since=at(0), until=at(3),
        every=series.parse_every("1d"),
    )  # fmt: skip

    assert columns(answer.rows, "opened", "counted") == [(1, None), (0, 0), (1, 2)]
    assert answer.missing == (
        "dates and RA's counters disagree in 1 of 2 rows that have both: "
        "1 by their dates, 2 by the counters, each as it was last looked at"
    )


# --- changes


def changes(conn: Connection, **options: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as answer takes them
    rows = ask(conn, "changes", **{"games": [SONIC], **options})
    return columns(rows, "time", "achievement_id", "column", "old", "new")


def test_a_revision_shows_the_old_value_beside_the_new_one(sonic: Connection) -> None:
    tell(sonic, schema.game_versions, 1.5, {"game_id": SONIC, "title": "Sonic 1"})
    deed = {"achievement_id": RING, "game_id": SONIC, "title": "One ring", "points": 5}
    tell(sonic, schema.achievement_versions, 1.5, deed)
    tell(sonic, schema.achievement_versions, 3.5, {**deed, "points": 10})

    assert changes(sonic) == [
        (at(1.5), None, "title", "Sonic", "Sonic 1"),
        (at(1.5), RING, "points", None, 5),
        (at(1.5), RING, "title", "Ring", "One ring"),
    ]
    assert changes(sonic, games=(), achievements=[STAR]) == []
    assert len(changes(sonic, games=(), achievements=[RING])) == 2


def test_who_comes_who_is_demoted_and_who_is_gone_is_a_change(sonic: Connection) -> None:
    new = {"achievement_id": 13, "game_id": SONIC, "title": "New", "is_promoted": True}
    tell(sonic, schema.achievement_versions, 1, new, fetch=2)
    demoted = {"achievement_id": RING, "game_id": SONIC, "is_promoted": False}
    tell(sonic, schema.achievement_versions, 1, demoted, fetch=2)
    gone = schema.achievements.update().where(schema.achievements.c.id == STAR)
    sonic.execute(gone.values(gone_at=at(2)))
    sonic.execute(schema.games.update().values(gone_at=at(2.5)))

    assert changes(sonic) == [
        (at(1), RING, "is_promoted", True, False),
        (at(1), 13, "is_promoted", None, True),
        (at(2), STAR, "gone_at", None, at(2)),
        (at(2.5), None, "gone_at", None, at(2.5)),
    ]


def test_an_achievement_that_moves_is_a_change_in_both_sets(sonic: Connection) -> None:
    tell(sonic, schema.game_versions, 0, {"game_id": SPELUNKER, "title": "Spelunker"})
    tell(sonic, schema.achievement_versions, 1, {"achievement_id": RING, "game_id": SPELUNKER})
    later = {"achievement_id": RING, "game_id": SPELUNKER, "points": 5}
    tell(sonic, schema.achievement_versions, 2, later)

    moved = (at(1), RING, "game_id", SONIC, SPELUNKER)
    assert changes(sonic) == [moved]
    assert changes(sonic, games=[SPELUNKER]) == [moved, (at(2), RING, "points", None, 5)]
    assert len(changes(sonic, games=[SONIC, SPELUNKER])) == 2


def test_people_and_consoles_are_shown_by_name(sonic: Connection) -> None:
    sonic.execute(insert(schema.users).values(id=ANN, name="Ann", first_seen_at=at(0)))
    deed = {"achievement_id": RING, "game_id": SONIC, "author_id": ANN}
    tell(sonic, schema.achievement_versions, 1, deed)
    sonic.execute(insert(schema.consoles).values(id=7, name="NES"))
    tell(sonic, schema.game_versions, 1, {"game_id": SONIC, "console_id": 7})

    told = {row[2:] for row in changes(sonic)}
    assert told == {("author", None, "Ann"), ("console", None, "NES")}


# --- distributions side by side


def distribute(conn: Connection, days: float, players: dict[int, int], **kind: bool) -> None:
    within = {"game_id": SONIC, "is_promoted": True, "is_hardcore": True, **kind}
    rows = [{"unlocked": bucket, "players": count} for bucket, count in players.items()]
    tell(conn, schema.distribution, days, *rows, within=within, complete=True)


def compared(conn: Connection, first: float, second: float | None = None) -> dict[Any, Any]:
    vs = None if second is None else at(second)
    rows = trends.compare(conn, [SONIC], at=at(first), vs=vs)
    assert all(list(row) == list(trends.COMPARED) for row in rows)
    return {
        (row["measure"], row["unlocked"]): (row["at"], row["vs"], row["difference"])
        for row in rows
        if row["is_hardcore"]
    }


def test_a_distribution_then_and_now_bucket_by_bucket_and_in_sum(sonic: Connection) -> None:
    looked(sonic, "distribution", ALWAYS, game=SONIC)
    looked(sonic, "progress", ALWAYS, game=SONIC)
    distribute(sonic, 0, {1: 4, 2: 1})
    distribute(sonic, 2, {1: 4, 2: 1, 3: 5})
    for days, count in ((0, 10), (2, 20)):
        tell(sonic, schema.game_counters, days, {"game_id": SONIC, "players": count})

    assert compared(sonic, 1, 2) == {
        ("players", 1): (4, 4, 0),
        ("players", 2): (1, 1, 0),
        ("players", 3): (None, 5, None),
        ("holders", None): (5, 10, 5),
        ("median", None): (1, 2.5, 1.5),
        ("mastered_share", None): (0.1, 0.25, 0.15),
        ("zero_share", None): (0.5, 0.5, 0.0),
    }


def test_shares_are_of_the_players_of_the_game_and_unknown_without_them(sonic: Connection) -> None:
    looked(sonic, "distribution", ALWAYS, game=SONIC)
    distribute(sonic, 0, {1: 0, 2: 0})

    assert compared(sonic, 1) == {
        ("players", 1): (0, None, None),
        ("players", 2): (0, None, None),
        ("holders", None): (0, None, None),
        ("median", None): (None, None, None),
        ("mastered_share", None): (None, None, None),
        ("zero_share", None): (None, None, None),
    }


def test_a_distribution_that_nobody_looked_at_is_not_compared(sonic: Connection) -> None:
    looked(sonic, "distribution", (0, 1), game=SONIC)
    distribute(sonic, 0, {1: 4})

    told = compared(sonic, 1, 2)
    assert told["players", 1] == (4, None, None)
    assert told["holders", None] == (4, None, None)


@pytest.mark.parametrize("name", ["distribution", "unlock-rate", "ticket-flow", "changes"])
def test_ranges_and_changes_are_told_of_single_values_that_hold(
    sonic: Connection, name: str
) -> None:
    for option in ("range", "delta"):
        with pytest.raises(ConfigError, match=f"trend {name} takes no --{option}; these do: game-"):
            ask(sonic, name, games=[SONIC], **{f"is_{option}": True})


def test_what_happened_between_two_distributions_is_told_beside_them(sonic: Connection) -> None:
    looked(sonic, "distribution", (0, 1.5), game=SONIC)
    distribute(sonic, 0, {1: 4})
    for days, scope in ((0.5, "all"), (1.5, "trend:distribution"), (1.6, "game:2"), (3, "all")):
        notes.add(sonic, at=at(days), title=scope, scope=scope)

    told = trends.compared(sonic, [SONIC], at=at(2), vs=at(1))

    assert [note.title for note in told.notes] == ["trend:distribution"]
    assert told.missing == f"nobody had looked at {at(2):%Y-%m-%d %H:%M}"
    assert trends.compared(sonic, [SONIC], at=at(1)).missing is None
