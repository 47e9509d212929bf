"""What a forecast reads from the database."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from worlds import NOW

from harvester.store import outlook, polls, schema
from harvester.store.outlook import Read, Tickets, UnlockList
from harvester.store.polls import BACKFILL, Wanted

DAY = timedelta(days=1)
LISTS = tuple(
    Wanted(
        "unlocks",
        f"achievement {own}",
        "on-change, sweep 604800s, full",
        604_800,
        game_id=1,
        achievement_id=own,
        priority=BACKFILL,
    )
    for own in (11, 12)
)


def achievement(conn: Connection, own: int, unlocks: int, *, is_promoted: bool = True) -> None:
    row = {"id": own, "game_id": 1, "is_promoted": is_promoted, "first_seen_at": NOW}
    conn.execute(schema.achievements.insert().values(row))
    for count, end in ((unlocks - 1, NOW), (unlocks, None)):
        start = NOW if end is None else NOW - DAY
        counted = {"achievement_id": own, "unlocks": count, "unlocks_hardcore": 0}
        conn.execute(
            schema.achievement_counters.insert().values(
                **counted, valid_from=start, valid_to=end, fetch_id=1
            )
        )


def game(conn: Connection) -> None:
    """Remember game 1 with two achievements, one of them unofficial."""
    conn.execute(schema.games.insert().values(id=1, title="Sonic", first_seen_at=NOW))
    achievement(conn, 11, 1100)
    achievement(conn, 12, 3, is_promoted=False)


def ticket(conn: Connection, own: int, state: str, of: int = 11, **more: Any) -> None:  # noqa: ANN401
    row = {"id": own, "game_id": 1, "achievement_id": of, "first_seen_at": NOW, **more}
    conn.execute(schema.tickets.insert().values(row))
    stated = {"ticket_id": own, "state": state, "valid_from": NOW, "fetch_id": 1}
    conn.execute(schema.ticket_states.insert().values(stated))


def look(conn: Connection, number: int, at: datetime, outcome: str, requests: int) -> None:
    row = {
        "id": number,
        "poll_id": 1,
        "job": "unlocks",
        "first_at": at,
        "last_at": at,
        "times": 1,
        "outcome": outcome,
        "requests": requests,
        "rows_opened": 0,
        "rows_closed": 0,
    }
    conn.execute(schema.fetches.insert().values(row))


def test_an_empty_database_knows_nothing(conn: Connection) -> None:
    assert outlook.read(conn, at=NOW) == replace(outlook.NOTHING, achievements=[])


def test_it_knows_titles_counters_and_the_plan(conn: Connection) -> None:
    game(conn)
    polls.plan(conn, LISTS, at=NOW)
    known = outlook.read(conn, at=NOW)
    assert known.titles == {1: "Sonic"}
    assert known.unlocks == {11: 1100, 12: 3}
    assert set(known.polls) == {("unlocks", "achievement 11"), ("unlocks", "achievement 12")}


def test_tickets_are_counted_down_to_the_oldest_unsettled_one(conn: Connection) -> None:
    game(conn)
    for own, state in ((1, "closed"), (2, "open"), (3, "resolved"), (4, "quarantined")):
        ticket(conn, own, state)
    ticket(conn, 5, "open", gone_at=NOW)
    ticket(conn, 6, "closed", of=12)
    known = outlook.read(conn, at=NOW)
    assert known.tickets == {(1, True): Tickets(4, 3), (1, False): Tickets(1, 0)}


def test_only_readings_after_the_first_that_found_something_tell_what_moves(
    conn: Connection,
) -> None:
    game(conn)
    polls.plan(conn, LISTS, at=NOW - 9 * DAY)
    look(conn, 1, NOW - 6 * DAY, "changed", 3)  # the first listing
    look(conn, 2, NOW - 5 * DAY, "changed", 1)
    look(conn, 3, NOW - 4 * DAY, "unchanged", 3)  # a sweep
    look(conn, 4, NOW - 3 * DAY, "unavailable", 1)
    look(conn, 5, NOW - 2 * DAY, "changed", 1)
    look(conn, 6, NOW - 1 * DAY, "changed", 2)
    known = outlook.read(conn, at=NOW)
    assert set(known.moved) == {Read(1, 11, 1, 2), Read(1, 11, 2, 1)}
    assert known.moved_since == NOW - 7 * DAY


def test_what_moved_more_than_seven_days_ago_counts_no_more(conn: Connection) -> None:
    game(conn)
    polls.plan(conn, LISTS, at=NOW - 30 * DAY)
    look(conn, 1, NOW - 29 * DAY, "changed", 3)
    look(conn, 2, NOW - 8 * DAY, "changed", 1)
    assert outlook.read(conn, at=NOW).moved == []


def test_evidence_begins_when_lists_were_first_watched(conn: Connection) -> None:
    game(conn)
    polls.plan(conn, LISTS, at=NOW - 2 * DAY)
    assert outlook.read(conn, at=NOW).moved_since == NOW - 2 * DAY


def test_players_are_named_as_they_are_called_now(conn: Connection) -> None:
    who = {"id": 1, "ulid": "0" * 26, "name": "Ann", "first_seen_at": NOW}
    conn.execute(schema.users.insert().values(who))
    wanted = Wanted("progress", "game 1, player Anne", "3600s", 3600, game_id=1, asked_as="Anne")
    polls.plan(conn, [wanted], at=NOW)
    conn.execute(schema.polls.update().values(user_id=1))
    assert outlook.read(conn, at=NOW).names == {"Anne": "Ann"}


def test_unlock_lists_tell_how_far_their_first_reading_is(conn: Connection) -> None:
    game(conn)
    polls.plan(conn, LISTS, at=NOW)
    own = schema.polls.c.achievement_id
    cursor = json.dumps({"place": {"offset": 499}})
    conn.execute(schema.polls.update().where(own == 11).values(cursor=cursor))
    assert outlook.is_any_unlisted(conn)
    conn.execute(schema.polls.update().where(own == 12).values(listed_at=NOW))
    assert sorted(outlook.unlock_lists(conn), key=lambda one: one.achievement_id) == [
        UnlockList(1, 11, 1100, offset=499),
        UnlockList(1, 12, 3, is_listed=True),
    ]
    assert outlook.is_any_unlisted(conn)
    conn.execute(schema.polls.update().values(listed_at=NOW))
    assert not outlook.is_any_unlisted(conn)


def test_lists_that_are_no_longer_watched_are_not_to_be_read(conn: Connection) -> None:
    polls.plan(conn, LISTS, at=NOW)
    polls.plan(conn, [], at=NOW)
    assert outlook.unlock_lists(conn) == []
    assert not outlook.is_any_unlisted(conn)
    assert outlook.read(conn, at=NOW).polls == {}
