"""What a contender left behind: the size of its database, and whether its rows are right."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.site import Truth
from benchmarks.world import FIRST_ACHIEVEMENT, digest

FLAT_ROWS = """
SELECT achievement_id, ulid, replace(substr(date, 1, 19), 'T', ' '), is_hardcore
FROM unlocks ORDER BY 1, 2
"""
HARVESTER_ROWS = f"""
SELECT achievement_id, ulid, awarded_at, hardcore_at IS NOT NULL
FROM v_unlocks WHERE valid_to IS NULL AND achievement_id >= {FIRST_ACHIEVEMENT} ORDER BY 1, 2
"""


def settled_bytes(path: Path) -> int:
    """Write what is in the write-ahead log into the database, and tell how large that is."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def differs(path: Path, rows: str, truth: Truth) -> str:
    """Say how a contender's rows differ from the truth; nothing where they do not."""
    with closing(sqlite3.connect(path)) as db:
        count, told = digest(_lines(db, rows))
    if count != truth.rows:
        return f"wrong rows: {count:,} of {truth.rows:,}"
    return "" if told == truth.digest else "wrong rows: their number is right, their content is not"


def _lines(db: sqlite3.Connection, rows: str) -> Iterator[str]:
    """Write rows as the world writes its facts; a row that is there twice counts twice."""
    for achievement, ulid, date, mode in db.execute(rows):
        yield f"{achievement} {ulid} {date} {int(mode)}"
