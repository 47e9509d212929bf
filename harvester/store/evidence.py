"""Proof of looking: what came of every attempt, without growing while nothing changes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from sqlalchemy import Connection, RowMapping, func, select

from harvester.store import schema
from harvester.store.polls import Poll
from harvester.store.rows import Changes

fetches, polls = schema.fetches, schema.polls
TOLERANCE = 1.5  # a look later than this many intervals leaves a visible hole
PAYLOAD_CHARACTERS = 65_536


@dataclass(frozen=True)
class Attempt:
    """One attempt at a poll, over: its outcome, what it cost and what it wrote."""

    outcome: str
    at: datetime
    requests: int
    changes: Changes = field(default_factory=Changes)
    error: str | None = None
    payload: bytes | None = None


def ids(conn: Connection) -> Iterator[int]:
    """Give numbers to the evidence that this process will write, the only one that does.

    History rows carry the number of their look before it ends.
    """
    written = conn.scalar(select(func.max(fetches.c.id))) or 0
    reserved = conn.scalar(select(func.max(polls.c.fetch_id))) or 0
    return count(max(written, reserved) + 1)


def dated(poll: Poll, at: datetime) -> datetime:
    """Date a look at a poll: where the clock stepped back, by the newest instant on record."""
    newest = poll.watched_from, poll.last_attempt_at, poll.last_ok_at
    return max(at, *(known for known in newest if known is not None))


def prove(conn: Connection, poll: Poll, attempt: Attempt, own_ids: Iterator[int]) -> Poll:
    """Write down a final outcome; an unchanged look extends the unchanged one before it.

    The plan is not touched: until the caller writes it down, `poll` tells of the success before.
    Cost: O(1), and no row as long as nothing changes and no look is missed.
    """
    if attempt.outcome == "unchanged" and _extended(conn, poll, attempt):
        return poll
    return _begin(conn, poll, attempt, poll.fetch_id or next(own_ids))


def imply(
    conn: Connection, unchanged: Sequence[Poll], own_ids: Iterator[int], *, at: datetime
) -> None:
    """Write down that a cheaper answer proved these lists unchanged: a look without a request.

    Cost: three statements however many lists there are, once each has its row; where the clock
    stepped back, for each instant that is newer.
    """
    together: dict[datetime, list[Poll]] = defaultdict(list)
    for poll in unchanged:
        together[dated(poll, at)].append(poll)
    for then, some in together.items():
        _imply(conn, some, Attempt("unchanged", then, 0), own_ids)


def _imply(
    conn: Connection, unchanged: Sequence[Poll], attempt: Attempt, own_ids: Iterator[int]
) -> None:
    last = _newest(conn, unchanged)
    fitting = {poll.last_fetch_id for poll in unchanged if _fits(poll, last.get(poll.id), attempt)}
    more = {"last_at": attempt.at, "times": fetches.c.times + 1}
    conn.execute(fetches.update().where(fetches.c.id.in_(fitting)).values(more))
    for poll in unchanged:
        if poll.last_fetch_id not in fitting:
            _begin(conn, poll, attempt, next(own_ids))
    seen = polls.c.id.in_([poll.id for poll in unchanged])
    conn.execute(polls.update().where(seen).values(last_ok_at=attempt.at))


def _newest(conn: Connection, some: Sequence[Poll]) -> dict[int, RowMapping]:
    """Read the newest evidence of some polls."""
    ids = [poll.last_fetch_id for poll in some if poll.last_fetch_id is not None]
    rows = conn.execute(select(fetches).where(fetches.c.id.in_(ids))).mappings()
    return {row["poll_id"]: row for row in rows}


def _fits(poll: Poll, last: RowMapping | None, attempt: Attempt) -> bool:
    """Tell whether a look says just what the newest evidence says, and came in time."""
    if last is None or (last["outcome"], last["error"]) != (attempt.outcome, attempt.error):
        return False
    return attempt.at >= last["last_at"] and not _is_late(poll, attempt, last["last_at"])


def _is_late(poll: Poll, attempt: Attempt, since: datetime) -> bool:
    """Tell whether a look came later than the interval in force allows."""
    return (attempt.at - since).total_seconds() > TOLERANCE * poll.interval_seconds


def _late_since(poll: Poll, attempt: Attempt) -> datetime | None:
    """Tell since when a success that came late was waited for; None: in time, or a failure."""
    since = poll.last_ok_at or poll.watched_from
    is_success = attempt.outcome in schema.SUCCESSES
    return since if is_success and _is_late(poll, attempt, since) else None


def _extended(conn: Connection, poll: Poll, attempt: Attempt) -> bool:
    last = _newest(conn, [poll]).get(poll.id)
    if last is None or not _fits(poll, last, attempt):
        return False
    conn.execute(
        fetches.update()
        .where(fetches.c.id == last["id"])
        .values(
            last_at=attempt.at,
            times=fetches.c.times + 1,
            requests=fetches.c.requests + attempt.requests,
        )
    )
    return True


def _begin(conn: Connection, poll: Poll, attempt: Attempt, own: int) -> Poll:
    if attempt.payload is not None:  # only the newest invalid answer is kept
        old = fetches.c.poll_id == poll.id, fetches.c.payload.is_not(None)
        conn.execute(fetches.update().where(*old).values(payload=None))
    conn.execute(polls.update().where(polls.c.id == poll.id).values(last_fetch_id=own))
    conn.execute(
        fetches.insert().values(
            id=own,
            poll_id=poll.id,
            job=poll.job,
            first_at=attempt.at,
            last_at=attempt.at,
            times=1,
            outcome=attempt.outcome,
            requests=attempt.requests,
            rows_opened=attempt.changes.opened,
            rows_closed=attempt.changes.closed,
            error=attempt.error,
            payload=_text(attempt.payload),
            interval_seconds=poll.interval_seconds,
            late_since_at=_late_since(poll, attempt),
        )
    )
    return replace(poll, last_fetch_id=own)


def _text(payload: bytes | None) -> str | None:
    """Keep an answer as text that every database can store."""
    if payload is None:
        return None
    return payload.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")[
        :PAYLOAD_CHARACTERS
    ]
