"""Proof of looking: what came of every attempt, without growing while nothing changes."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

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


def reserve(conn: Connection, poll: Poll) -> int:
    """Tell the evidence id of the attempt in hand; history rows carry it before it ends."""
    if poll.fetch_id is not None:
        return poll.fetch_id
    written = conn.scalar(select(func.max(fetches.c.id))) or 0
    reserved = conn.scalar(select(func.max(polls.c.fetch_id))) or 0
    return max(written, reserved) + 1


def prove(conn: Connection, poll: Poll, attempt: Attempt) -> None:
    """Write down a final outcome; an unchanged look extends the unchanged one before it.

    Cost: O(1), and no row as long as nothing changes and no look is missed.
    """
    if attempt.outcome != "unchanged" or not _extended(conn, poll, attempt):
        _begin(conn, poll, attempt)


def _extended(conn: Connection, poll: Poll, attempt: Attempt) -> bool:
    newest = select(fetches).where(fetches.c.poll_id == poll.id)
    last = conn.execute(newest.order_by(fetches.c.last_at.desc(), fetches.c.id.desc())).first()
    if last is None or last.outcome != "unchanged" or not _is_in_time(poll, last.last_at, attempt):
        return False
    conn.execute(
        fetches.update()
        .where(fetches.c.id == last.id)
        .values(
            last_at=max(attempt.at, last.last_at),
            times=fetches.c.times + 1,
            requests=fetches.c.requests + attempt.requests,
        )
    )
    return True


def _is_in_time(poll: Poll, last_at: datetime, attempt: Attempt) -> bool:
    return (attempt.at - last_at).total_seconds() <= TOLERANCE * poll.interval_seconds


def _begin(conn: Connection, poll: Poll, attempt: Attempt) -> None:
    if attempt.payload is not None:  # only the newest invalid answer is kept
        old = fetches.c.poll_id == poll.id, fetches.c.payload.is_not(None)
        conn.execute(fetches.update().where(*old).values(payload=None))
    conn.execute(
        fetches.insert().values(
            id=reserve(conn, poll),
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
        )
    )


def _text(payload: bytes | None) -> str | None:
    """Keep an answer as text that every database can store."""
    if payload is None:
        return None
    return payload.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")[
        :PAYLOAD_CHARACTERS
    ]
