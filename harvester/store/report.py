"""How the harvest is doing: what every poll came to, how much of its time it was looked at.

Coverage is the share of the watched time, 30 days at most, that lies in no hole (`coverage`).
"""

import os
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Row,
    Select,
    Subquery,
    case,
    cast,
    func,
    select,
)

from harvester.store import coverage, runs, schema
from harvester.store.coverage import Window
from harvester.store.instants import Seconds

COLUMNS: Final = (
    "job",
    "target",
    "last_ok_at",
    "last_error",
    "failures",
    "due_at",
    "coverage",
)
LOOKED_BACK: Final = timedelta(days=30)

polls = schema.polls
About: TypeAlias = Sequence[ColumnElement[bool]]  # which polls


def status(conn: Connection, *, at: datetime, is_each: bool = False) -> list[dict[str, Any]]:
    """Return a row of `COLUMNS` for every watched poll.

    The unlock lists of a game are one row, unless `is_each`: it has the newest success, the
    error of the list that fails most, the next due time and the mean coverage.
    Cost: O(polls, looks of the last 30 days that came late or failed).
    """
    about = () if is_each else (polls.c.job != "unlocks",)
    told = [_row(poll) for poll in conn.execute(_polls(at, about))]
    return told if is_each else [*told, *_of_games(conn, at)]


def next_due(conn: Connection) -> dict[str, datetime]:
    """Tell for every job when its next watched poll is due."""
    query = select(polls.c.job, func.min(polls.c.due_at)).where(polls.c.watched_to.is_(None))
    return {row[0]: row[1] for row in conn.execute(query.group_by(polls.c.job))}


def _polls(at: datetime, about: About) -> Select[Any]:
    """Select watched polls with the share of their time in which they were looked at."""
    own = [polls.c[name] for name in (*COLUMNS[:-1], "game_id")]
    order = (polls.c.job, polls.c.game_id, polls.c.achievement_id, polls.c.target)
    return _covered(at, about, own).order_by(*order)


def _covered(at: datetime, about: About, told: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Select from watched polls, and the share of their time in no hole, as `covered`.

    It is null where no time has passed yet.
    """
    window = Window(at - LOOKED_BACK, at, at, about)
    holes = coverage.holes(window)
    seconds = Seconds(holes.c.to_at) - Seconds(holes.c.from_at)
    missed = select(holes.c.poll_id, func.sum(seconds).label("missed"))
    sums = missed.group_by(holes.c.poll_id).subquery()
    before = _watched_before(window)
    since = coverage.later(polls.c.watched_from, coverage.instant(window.since))
    watched = Seconds(coverage.instant(at)) - Seconds(since) + func.coalesce(before.c.watched, 0)
    share = 1 - func.coalesce(sums.c.missed, 0) / cast(watched, Float)
    covered = case((watched > 0, share)).label("covered")
    query = select(*told, covered).outerjoin_from(polls, sums, sums.c.poll_id == polls.c.id)
    query = query.outerjoin(before, before.c.poll_id == polls.c.id)
    return query.where(polls.c.watched_to.is_(None), *about)


def _watched_before(window: Window) -> Subquery:
    """Select for how many seconds of a window polls were watched before they left and came back."""
    own = window.times_before.c
    watched = func.sum(Seconds(own.end) - Seconds(own.start)).label("watched")
    return select(own.poll_id, watched).group_by(own.poll_id).subquery()


def _row(poll: Row[Any]) -> dict[str, Any]:
    own = dict(zip(COLUMNS, poll, strict=False))
    return own | {"coverage": _rounded(poll.covered), "game_id": poll.game_id}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


# --- lists of a game, told together ----------------------------------------------------


def _of_games(conn: Connection, at: datetime) -> Iterator[dict[str, Any]]:
    """Make one row of the unlock lists of a game."""
    worst = _worst(conn)
    for row in conn.execute(_lists(at)):
        error, failures = worst.get(row.game_id, (None, 0))
        yield {
            "job": "unlocks",
            "target": f"game {row.game_id}: {row.listed} of {row.lists} achievements listed",
            "last_ok_at": row.last_ok_at,
            "last_error": error,
            "failures": failures,
            "due_at": row.due_at,
            "coverage": _rounded(row.covered),
            "game_id": row.game_id,
        }


def _lists(at: datetime) -> Select[Any]:
    """Select what the unlock lists of each game come to."""
    told = polls.c.game_id, polls.c.last_ok_at, polls.c.due_at
    own = _covered(at, (polls.c.job == "unlocks",), told).subquery("lists").c
    return (
        select(
            own.game_id,
            func.count().label("lists"),
            func.count(own.last_ok_at).label("listed"),
            func.max(own.last_ok_at, type_=schema.Instant).label("last_ok_at"),
            func.min(own.due_at, type_=schema.Instant).label("due_at"),
            func.avg(own.covered).label("covered"),
        )
        .group_by(own.game_id)
        .order_by(own.game_id)
    )


def _worst(conn: Connection) -> dict[int, tuple[str | None, int]]:
    """Tell the error and the failures of that list of each game which fails most."""
    own = polls.c
    has_trouble = (own.failures > 0) | own.last_error.is_not(None)
    query = select(own.game_id, own.last_error, own.failures).where(own.job == "unlocks")
    order = (own.failures, own.last_error.is_not(None), own.achievement_id.desc())
    found = conn.execute(query.where(own.watched_to.is_(None), has_trouble).order_by(*order))
    return {row.game_id: (row.last_error, row.failures) for row in found}


def health(conn: Connection, *, at: datetime, within: timedelta) -> tuple[bool, str]:
    """Tell whether a daemon gave a sign of life `within` that time, and in words what is known."""
    newest = runs.newest(conn)
    if newest is None:
        return False, "nothing ever ran on this database"
    seen = f"{newest['beat_at']:%Y-%m-%d %H:%M:%S} UTC"
    if newest["command"] != "run" or newest["ended_at"] is not None:
        return False, f"no daemon; `harvester {newest['command']}` was here last, at {seen}"
    if newest["host"] == socket.gethostname() and not _is_running(newest["pid"]):
        return False, f"the daemon (process {newest['pid']}) is dead; last sign of life at {seen}"
    is_alive = at - newest["beat_at"] <= within
    return is_alive, f"process {newest['pid']} on {newest['host']}, last sign of life at {seen}"


def _is_running(pid: int) -> bool:
    """Tell whether this machine has such a process; one of another user is one, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
