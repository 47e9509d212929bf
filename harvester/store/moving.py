"""Which unlock lists moved, by the counters that a cheaper answer just told.

The counters of all achievements of a game come with every `progress` answer. A list whose
counters equal its token did not move: that is written down as a look without a request.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from harvester.store import evidence, polls, schema
from harvester.store.known import token
from harvester.store.polls import MOVED, ROUTINE, SWEEP, Poll

lists, achievements, counters = schema.polls, schema.achievements, schema.achievement_counters


def notice(conn: Connection, game_id: int, evidence_ids: Iterator[int], *, at: datetime) -> None:
    """Make the lists of a game due whose counters moved; prove the others unchanged.

    Counters that fell ask for a complete listing, which shows what was taken back. Those of
    achievements that left the map are frozen, and prove nothing.
    Cost: O(achievements of the game), and three statements where nothing moved.
    """
    watched = _watched(conn, game_id)
    same = [poll for poll, now in watched if poll.token == now]
    for poll, now in watched:
        if poll.token != now:
            _move(conn, poll, now, at)
        elif poll.priority == MOVED:  # it was to be read because it might have moved
            polls.change(conn, poll, **polls.rests(poll, at))
    if listed := [poll for poll in same if poll.listed_at]:
        evidence.imply(conn, listed, evidence_ids, at=at)


def _watched(conn: Connection, game_id: int) -> list[tuple[Poll, str]]:
    """Read the lists of official achievements whose head is known, with their counters now."""
    query = (
        select(lists, counters.c.unlocks, counters.c.unlocks_hardcore)
        .join(achievements, achievements.c.id == lists.c.achievement_id)
        .join(counters, counters.c.achievement_id == lists.c.achievement_id)
        .where(lists.c.job == "unlocks", lists.c.watched_to.is_(None), lists.c.failures == 0)
        .where(lists.c.token.is_not(None), lists.c.schedule.startswith(polls.ON_CHANGE))
        .where(achievements.c.game_id == game_id, achievements.c.is_promoted)
        .where(counters.c.valid_to.is_(None))
    )
    rows = conn.execute(query).mappings()
    return [(polls.of(row), token(row["unlocks"], row["unlocks_hardcore"])) for row in rows]


def _move(conn: Connection, poll: Poll, now: str, at: datetime) -> None:
    """Make a list due: its head, or all of it where the counters fell, now or before."""
    has_fallen = fell(poll.token or "", now)
    if has_fallen and poll.listed_at is None:
        return  # what was taken back is seen when the first listing is over
    is_wanted_whole = has_fallen or _is_called_for(poll, at)
    priority = ROUTINE if poll.priority == ROUTINE else SWEEP if is_wanted_whole else MOVED
    if priority != poll.priority or poll.due_at > at:
        polls.change(conn, poll, due_at=min(poll.due_at, at), priority=priority)


def _is_called_for(poll: Poll, at: datetime) -> bool:
    """Whether a complete reading is due before its time, because counters fell."""
    if poll.priority != SWEEP or poll.listed_at is None or poll.due_at > at:
        return False
    return poll.due_at < polls.on_grid(poll, min(poll.listed_at, at))


def fell(before: str, now: str) -> bool:
    """Whether one of the counters is lower than it was."""
    pairs = zip(before.split("/"), now.split("/"), strict=True)
    return any(int(after) < int(then) for then, after in pairs)
