"""How the harvest is doing, in the words of the overview."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from harvester.store import board, report

COLUMNS: Final = ("job", "polls", "failing", "late", "never", "last_ok_at", "next_due_at")
PULSE: Final = timedelta(minutes=5)  # as old as the daemon's last sign of life may be


def pulse(conn: Connection, *, at: datetime) -> tuple[bool, str]:
    """Tell whether a daemon is at work, and in words what is known."""
    return report.health(conn, at=at, within=PULSE)


def failing(conn: Connection) -> board.Rows:
    """Tell the polls that fail most often."""
    return board.failing(conn, limit=50)
