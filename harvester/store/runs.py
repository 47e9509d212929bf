"""Every process that harvests: that it lived, how much it asked, and how fast it may."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from harvester import __version__
from harvester.api.pace import quickened
from harvester.store import schema

runs = schema.runs


@dataclass(frozen=True)
class Legacy:
    """What earlier processes leave to the next: today's requests, the pace, a wait."""

    requests_today: int
    pace_factor: float
    not_before_at: datetime | None


def start(conn: Connection, command: str, *, at: datetime) -> int:
    """Begin a run. Whoever did not end his is dead: we hold the lock."""
    dead = runs.c.ended_at.is_(None)
    conn.execute(runs.update().where(dead).values(ended_at=runs.c.beat_at))
    own = (conn.scalar(select(func.max(runs.c.id))) or 0) + 1
    who = {"pid": os.getpid(), "host": socket.gethostname(), "version": __version__}
    row = {"id": own, "command": command, "started_at": at, "beat_at": at, **who}
    conn.execute(runs.insert().values(row))
    return own


def legacy(conn: Connection, *, at: datetime) -> Legacy:
    """Tell what the runs before this one leave behind.

    The pace has recovered meanwhile as it would have in one long run, so that short runs
    (cron) get back to the full one, too.
    """
    today = select(func.sum(runs.c.requests_that_day)).where(runs.c.requests_on == at.date())
    last = conn.execute(select(runs).order_by(runs.c.id.desc()).limit(1)).first()
    asked = int(conn.scalar(today) or 0)
    if last is None:
        return Legacy(asked, 1.0, None)
    quiet = (at - last.beat_at).total_seconds()
    return Legacy(asked, quickened(last.pace_factor, quiet), last.not_before_at)


def beat(
    conn: Connection,
    run: int,
    *,
    at: datetime,
    requests: int,
    requests_that_day: int,
    pace_factor: float,
    not_before_at: datetime | None,
) -> None:
    """Tell that the run lives, what it has asked so far, and how fast it may go on."""
    told = {
        "own": run,
        "beat_at": at,
        "requests": requests,
        "requests_on": at.date(),
        "requests_that_day": requests_that_day,
        "pace_factor": pace_factor,
        "not_before_at": not_before_at,
    }
    conn.execute(_BEAT, told)


_BEAT = (
    runs.update()
    .where(runs.c.id == bindparam("own"))
    .values(
        beat_at=bindparam("beat_at"),
        requests=bindparam("requests"),
        requests_on=bindparam("requests_on"),
        requests_that_day=bindparam("requests_that_day"),
        pace_factor=bindparam("pace_factor"),
        not_before_at=bindparam("not_before_at"),
    )
)


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
