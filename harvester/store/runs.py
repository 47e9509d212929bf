"""Every process that harvests: that it lived, how much it asked, and how fast it may."""

import os
import socket
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from harvester import __version__
from harvester.store import schema

runs = schema.runs
LONGEST_WAIT = timedelta(days=1)  # of those that RA's answers are believed


@dataclass(frozen=True)
class Legacy:
    """What earlier processes leave to the next: today's requests, the pace, a wait.

    `asked_at`: no request was sent after it; None: none ever was.
    """

    requests_today: int = 0
    pace_factor: float = 1.0
    quiet_since_at: datetime | None = None
    not_before_at: datetime | None = None
    asked_at: datetime | None = None


NOTHING: Final = Legacy()


@dataclass(frozen=True)
class Pulse:
    """What a process that lives has to tell: what it asked, and how fast it may go on.

    `requests_that_day` is what counts against the budget of the day `requests_on`: what was
    asked, and what a process that may be killed has reserved.
    """

    requests: int
    requests_on: date
    requests_that_day: int
    pace_factor: float
    quiet_since_at: datetime | None
    not_before_at: datetime | None


def start(conn: Connection, command: str, *, at: datetime, before: Legacy = NOTHING) -> int:
    """Begin a run, which inherits pace and wait. Whoever did not end his is dead: we hold the lock.

    The row holds the inheritance at once, for this process may be killed before it beats.
    """
    dead = runs.c.ended_at.is_(None)
    conn.execute(runs.update().where(dead).values(ended_at=runs.c.beat_at))
    own = (conn.scalar(select(func.max(runs.c.id))) or 0) + 1
    who = {"pid": os.getpid(), "host": socket.gethostname(), "version": __version__}
    inherited = ("pace_factor", "quiet_since_at", "not_before_at")
    row = {"id": own, "command": command, "started_at": at, "beat_at": at, **who}
    kept = {name: getattr(before, name) for name in inherited}
    conn.execute(runs.insert().values(**row, **kept))
    return own


def legacy(conn: Connection, *, at: datetime) -> Legacy:
    """Tell what the runs before this one leave behind.

    One that did not end in good order may have asked until this very moment.
    """
    asked = asked_on(conn, at.date())
    last = newest(conn)
    if last is None:
        return Legacy(asked)
    return Legacy(
        asked,
        last["pace_factor"],
        last["quiet_since_at"] or last["beat_at"],
        _believable(last["not_before_at"], at),
        last["ended_at"] or at,
    )


def _believable(until: datetime | None, at: datetime) -> datetime | None:
    """Forget a wait that only a clock gone wrong can have put so far ahead."""
    return None if until is None or until > at + LONGEST_WAIT else until


def asked_on(conn: Connection, day: date) -> int:
    """Count the requests of all runs in a UTC day, those reserved included."""
    counted = select(func.sum(runs.c.requests_that_day)).where(runs.c.requests_on == day)
    return int(conn.scalar(counted) or 0)


def beat(conn: Connection, run: int, pulse: Pulse, *, at: datetime) -> None:
    """Tell that the run lives, what it has asked so far, and how fast it may go on."""
    conn.execute(_BEAT, {"own": run, "beat_at": at, **vars(pulse)})


_BEAT = (
    runs.update()
    .where(runs.c.id == bindparam("own"))
    .values({name: bindparam(name) for name in ("beat_at", *(own.name for own in fields(Pulse)))})
)


def beat_at(conn: Connection, run: int) -> datetime | None:
    """Tell when a run gave its last sign of life."""
    return conn.scalar(select(runs.c.beat_at).where(runs.c.id == run))


def end(conn: Connection, run: int, *, at: datetime) -> None:
    """End a run in good order."""
    conn.execute(runs.update().where(runs.c.id == run).values(ended_at=at, beat_at=at))


def newest(conn: Connection) -> RowMapping | None:
    """Find the newest run."""
    return conn.execute(select(runs).order_by(runs.c.id.desc()).limit(1)).mappings().first()


def holder(conn: Connection) -> str:
    """Say in words who writes to this database now."""
    row = conn.execute(select(runs).where(runs.c.ended_at.is_(None))).first()
    if row is None:
        return "another harvester"
    began = f"{row.started_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"`harvester {row.command}` (process {row.pid} on {row.host}, since {began})"
