"""How the harvest is doing: what every poll came to, how much of its time it was looked at.

Coverage is the share of the watched time, 30 days at most, that lies in no hole (`coverage`).
"""

import os
import socket
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

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


def status(conn: Connection, *, at: datetime, is_each: bool = False) -> list[dict[str, Any]]:
    """Return a row of `COLUMNS` for every watched poll.

    The unlock lists of a game are one row, unless `is_each`: it has the newest success, the
    error of the list that fails most, the next due time and the mean coverage.
    Cost: O(rows of `fetches` in the last 30 days).
    """
    rows = [_row(poll, at) for poll in conn.execute(_looked_at(at))]
    return rows if is_each else list(_folded(rows))


def next_due(conn: Connection) -> dict[str, datetime]:
    """Tell for every job when its next watched poll is due."""
    query = select(polls.c.job, func.min(polls.c.due_at)).where(polls.c.watched_to.is_(None))
    return {row[0]: row[1] for row in conn.execute(query.group_by(polls.c.job))}


def _looked_at(at: datetime) -> Select[Any]:
    """Select the watched polls with the seconds that lie in holes."""
    holes = coverage.holes(Window(at - LOOKED_BACK, at, at))
    seconds = Seconds(holes.c.to_at) - Seconds(holes.c.from_at)
    missed = select(holes.c.poll_id, func.sum(seconds).label("missed"))
    sums = missed.group_by(holes.c.poll_id).subquery()
    own = (polls.c[name] for name in (*COLUMNS[:-1], "game_id", "watched_from"))
    told = select(*own, sums.c.missed).outerjoin_from(polls, sums, sums.c.poll_id == polls.c.id)
    order = (polls.c.job, polls.c.game_id, polls.c.achievement_id, polls.c.target)
    return told.where(polls.c.watched_to.is_(None)).order_by(*order)


def _row(poll: Row[Any], at: datetime) -> dict[str, Any]:
    own = dict(zip(COLUMNS, poll, strict=False))
    return own | {"coverage": _coverage(poll, at), "game_id": poll.game_id}


def _coverage(poll: Row[Any], at: datetime) -> float | None:
    """Return the share of the watched time in no hole; None if no time has passed yet."""
    start = max(poll.watched_from, at - LOOKED_BACK)
    watched: float = (at - start).total_seconds()
    if watched <= 0:
        return None
    return round(1 - int(poll.missed or 0) / watched, 4)


def _folded(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Make one row of the unlock lists of a game."""
    for (job, game), group in groupby(rows, key=lambda row: (row["job"], row["game_id"])):
        these = list(group)
        yield from [_of_game(game, these)] if job == "unlocks" else these


def _of_game(game: int, lists: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [row["last_ok_at"] for row in lists if row["last_ok_at"]]
    covered = [row["coverage"] for row in lists if row["coverage"] is not None]
    worst = max(lists, key=lambda row: (row["failures"], row["last_error"] is not None))
    return {
        "job": "unlocks",
        "target": f"game {game}: {len(listed)} of {len(lists)} achievements listed",
        "last_ok_at": max(listed, default=None),
        "last_error": worst["last_error"],
        "failures": worst["failures"],
        "due_at": min(row["due_at"] for row in lists),
        "coverage": round(sum(covered) / len(covered), 4) if covered else None,
        "game_id": game,
    }


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
