"""How the harvest is doing, in the words of the overview."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from harvester.endpoints import ENDPOINTS
from harvester.store import board, gaps, report
from harvester.web.asked import Window

COLUMNS: Final = ("job", "polls", "failing", "late", "never", "last_ok_at", "next_due_at")
PULSE: Final = timedelta(minutes=5)  # as old as the daemon's last sign of life may be


def pulse(conn: Connection, *, at: datetime) -> tuple[bool, str]:
    """Tell whether a daemon is at work, and in words what is known."""
    return report.health(conn, at=at, within=PULSE)


def about(of_games: Sequence[int]) -> gaps.About:
    """Say what holes are told of; unlock lists are so many that it takes the name of a game."""
    jobs = [name for name in ENDPOINTS if name != "unlocks"]
    return gaps.About(games=of_games) if of_games else gaps.About(jobs=jobs)


def holes(
    conn: Connection, about: gaps.About, during: Window, *, at: datetime, most: int | None = None
) -> list[dict[str, Any]]:
    """Tell when something was not looked at, the newest first, so many holes at the most."""
    since, until = during.since, during.until
    return gaps.newest(conn, since=since, until=until, at=at, about=about, most=most)


def failing(conn: Connection) -> board.Rows:
    """Tell the polls that fail most often."""
    return board.failing(conn, limit=50)
