"""What one incremental poll of an unlock list costs in databases of growing size.

The database of a cold round is filled up with unlocks of achievements that are not watched,
as many for each player as it takes. Then the world moves, and what a round with changed
achievements costs more than one in which nothing changed is the cost of their polls: so the
start of the process and the questions about games do not count.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import database, process
from benchmarks.contest import Arena, harvester, prepare_harvester
from benchmarks.process import Cost
from benchmarks.site import Site
from benchmarks.world import FIRST_ACHIEVEMENT

SHARE = 0.5  # of the achievements move in each step: enough polls to tell their time from noise


@dataclass
class Grown:
    """A database of a size, and the rounds it saw; `moved` lists were read in each step."""

    arena: Arena
    rows: int
    size: int
    moved: int = 0
    still: list[Cost] = field(default_factory=list)
    changed: list[Cost] = field(default_factory=list)
    trouble: str = ""

    @property
    def wall(self) -> float:
        """The median of the seconds that one poll took."""
        return self._poll([cost.wall for cost in self.changed], [cost.wall for cost in self.still])

    @property
    def cpu(self) -> float:
        """The median of the seconds of CPU that one poll took."""
        return self._poll([cost.cpu for cost in self.changed], [cost.cpu for cost in self.still])

    @property
    def memory(self) -> float:
        """The median of the peaks of memory, in bytes."""
        return median(cost.memory for cost in self.changed)

    def _poll(self, changed: Sequence[float], still: Sequence[float]) -> float:
        return (median(changed) - median(still)) / max(1, self.moved)


def growth(site: Site, folder: Path, targets: Sequence[int], steps: int) -> list[Grown]:
    """Measure databases of these numbers of rows, taking turns."""
    site.reset()
    grown: list[Grown] = []
    arena = _cold(site, folder / "0")
    for place, rows in enumerate(targets, 1):
        arena = _copied(arena, folder / str(place))
        _fill(arena.database, rows)
        grown.append(Grown(arena, rows, database.settled_bytes(arena.database)))
    for _ in range(steps):
        _step(site, grown)
    _verify(site, grown)
    return grown


def _cold(site: Site, folder: Path) -> Arena:
    folder.mkdir(parents=True)
    arena = Arena(folder, site)
    prepare_harvester(arena)
    process.run(harvester(arena, "fetch"), arena.log)
    database.settled_bytes(arena.database)
    return arena


def _copied(arena: Arena, folder: Path) -> Arena:
    folder.mkdir()
    copy = Arena(folder, arena.site)
    shutil.copy(arena.database, copy.database)
    prepare_harvester(copy)
    return copy


def _step(site: Site, grown: Sequence[Grown]) -> None:
    for own in grown:
        own.still.append(_round(own.arena))
    moved = site.advance(SHARE)
    for own in grown:
        own.moved = moved
        own.changed.append(_round(own.arena))


def _round(arena: Arena) -> Cost:
    return process.run(harvester(arena, "fetch", "--all", "progress", "unlocks"), arena.log)


def _verify(site: Site, grown: Sequence[Grown]) -> None:
    truth = site.truth()
    for own in grown:
        own.trouble = database.differs(own.arena.database, database.HARVESTER_ROWS, truth)


# --- many rows, quickly ----------------------------------------------------------------


def _fill(path: Path, target: int) -> None:
    """Add achievements that nobody watches until there are so many unlocks.

    Every player gets one unlock of each: a copy of one of his own, under another id.
    """
    with closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        (present,) = db.execute("SELECT count(*) FROM unlocks").fetchone()
        (first,) = db.execute(NEXT_STUB).fetchone()
        db.execute("CREATE TEMP TABLE one AS SELECT * FROM unlocks GROUP BY user_id")
        (players,) = db.execute("SELECT count(*) FROM one").fetchone()
        with db:
            for number in range(first, first - (present - target) // players):
                db.execute(STUB, (number,))
                db.execute(_copy(db), (number,))
        db.executescript("PRAGMA journal_mode = WAL;")


NEXT_STUB = f"SELECT coalesce(max(id), 0) + 1 FROM achievements WHERE id < {FIRST_ACHIEVEMENT}"
STUB = """
INSERT INTO achievements (id, first_seen_at)
SELECT ?, max(first_seen_at) FROM achievements
"""


def _copy(db: sqlite3.Connection) -> str:
    """Write the statement that copies all columns but the achievement's id."""
    names = [row[1] for row in db.execute("PRAGMA table_info(unlocks)")]
    names.remove("achievement_id")
    columns = ", ".join(names)
    return f"INSERT INTO unlocks (achievement_id, {columns}) SELECT ?, {columns} FROM one"
