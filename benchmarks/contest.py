"""The contenders, and the rounds in which they do the same work, one after the other.

cold -> nothing changed -> 1 % changed; within each round all contenders take their turn
before the next round begins, and all rounds are repeated. After every turn the contender's
rows are held against the server's: only a figure whose rows are right counts.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import database, process
from benchmarks.process import Cost, Failed
from benchmarks.site import Asked, Site, Truth

COLD, STILL, CHANGED = "cold", "nothing changed", "1 % changed"
ROUNDS = (COLD, STILL, CHANGED)
SHARE = 0.01
SLOW_REPETITIONS = 3


class Arena(NamedTuple):
    """Where one contender works: its own folder, the server, the games to read."""

    folder: Path
    site: Site

    @property
    def database(self) -> Path:
        """Name the contender's database."""
        return self.folder / "rows.db"

    @property
    def log(self) -> Path:
        """Name the file that takes what the contender prints."""
        return self.folder / "log"


@dataclass(frozen=True)
class Contender:
    """A contender: what prepares it (not measured), what it runs, and how its rows are read.

    `repetitions` bounds how often a slow one takes part; `needs` is the module without
    which it cannot.
    """

    name: str
    command: Callable[[Arena, str], list[str]]
    rows: str = database.FLAT_ROWS
    prepare: Callable[[Arena], None] = lambda _arena: None
    repetitions: int = 99
    needs: str = "sqlite3"
    env: tuple[tuple[str, str], ...] = ()


@dataclass
class Turns:
    """What came of one contender's turns in one kind of round; `trouble`: why none counts."""

    costs: list[Cost] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    database_bytes: list[int] = field(default_factory=list)
    trouble: str = ""

    @property
    def counts(self) -> bool:
        """Tell whether there is a figure, and all rows were right."""
        return bool(self.costs) and not self.trouble

    @property
    def wall(self) -> float:
        """The median of the seconds by the clock."""
        return median(cost.wall for cost in self.costs)

    @property
    def cpu(self) -> float:
        """The median of the seconds of CPU."""
        return median(cost.cpu for cost in self.costs)

    @property
    def memory(self) -> float:
        """The median of the peaks of memory, in bytes."""
        return median(cost.memory for cost in self.costs)

    @property
    def size(self) -> float:
        """The median of the database's bytes."""
        return median(self.database_bytes)

    @property
    def requests(self) -> float:
        """The median of the requests."""
        return median(asked.total for asked in self.asked)

    @property
    def bytes(self) -> float:
        """The median of the bytes received."""
        return median(asked.bytes for asked in self.asked)

    def asked_for(self, kind: str) -> float:
        """Tell the median of the requests whose kind begins with a word."""
        return median(
            sum(count for name, count in asked.requests.items() if name.startswith(kind))
            for asked in self.asked
        )


Results = dict[tuple[str, str], Turns]


# --- the contenders --------------------------------------------------------------------


PROGRAM = str(Path(sys.executable).with_name("harvester"))
CONFIG = """
[api]
username = "Owner"
key = "benchmark"
base_url = "{base_url}"
requests_per_second = 100000.0
burst = 100000
daily_budget = 0

[database]
url = "sqlite:///{database}"

[watch]
games = {games}
"""


def harvester(arena: Arena, *words: str) -> list[str]:
    """Write a command of ra-harvester, as it is installed beside this Python."""
    return [PROGRAM, "--config", str(arena.folder / "config.toml"), *words]


def prepare_harvester(arena: Arena) -> None:
    """Write the configuration, with the pace out of the way, and make the tables."""
    text = CONFIG.format(
        base_url=arena.site.base_url, database=arena.database, games=arena.site.games
    )
    (arena.folder / "config.toml").write_text(text)
    process.run(harvester(arena, "db", "upgrade"), arena.log)


def _fetch(arena: Arena, kind: str) -> list[str]:
    return harvester(arena, "fetch", *([] if kind == COLD else ["--all"]))


def _script(module: str) -> Callable[[Arena, str], list[str]]:
    """Write the command of a contender that reads everything in every round."""

    def command(arena: Arena, _kind: str) -> list[str]:
        games = ",".join(map(str, arena.site.games))
        start = [sys.executable, "-m", f"benchmarks.contenders.{module}"]
        return [*start, arena.site.base_url, games, str(arena.database)]

    return command


HARVESTER = Contender("ra-harvester", _fetch, database.HARVESTER_ROWS, prepare_harvester)
FLOOR = Contender("floor", _script("floor"), needs="orjson")
SQLITE_UTILS = Contender(
    "requests + sqlite-utils", _script("sqlite_utils_script"), needs="sqlite_utils"
)
DLT = Contender(
    "dlt",
    _script("dlt_pipeline"),
    repetitions=SLOW_REPETITIONS,
    needs="dlt",
    env=(("RUNTIME__DLTHUB_TELEMETRY", "false"),),
)
CONTENDERS = (HARVESTER, FLOOR, SQLITE_UTILS, DLT)


# --- the rounds ------------------------------------------------------------------------


def compete(
    site: Site, folder: Path, contenders: Sequence[Contender], repetitions: int
) -> Iterator[tuple[str, str, Turns]]:
    """Play all rounds; yield after every turn whose it was, in which round, and its turns."""
    results: Results = {}
    for number in range(repetitions):
        present = [own for own in contenders if number < own.repetitions]
        for own, kind in _repetition(site, folder / str(number), present, results):
            yield own.name, kind, results[own.name, kind]


def _repetition(
    site: Site, folder: Path, present: Sequence[Contender], results: Results
) -> Iterator[tuple[Contender, str]]:
    site.reset()
    arenas = {own.name: _arena(folder / str(place), site) for place, own in enumerate(present)}
    for kind in ROUNDS:
        if kind == CHANGED:
            site.advance(SHARE)
        truth = site.truth()
        for own in present:
            turns = results.setdefault((own.name, kind), Turns())
            _turn(own, kind, arenas[own.name], truth, turns)
            yield own, kind


def _arena(folder: Path, site: Site) -> Arena:
    folder.mkdir(parents=True)
    return Arena(folder, site)


def _turn(own: Contender, kind: str, arena: Arena, truth: Truth, turns: Turns) -> None:
    """Let a contender do its work once, and note what it cost or why it does not count."""
    if importlib.util.find_spec(own.needs) is None:
        turns.trouble = f"not installed: {own.needs}"
        return
    try:
        if kind == COLD:
            own.prepare(arena)
        arena.site.log()
        cost = process.run(own.command(arena, kind), arena.log, dict(own.env))
    except Failed as failure:
        turns.trouble = f"failed, {failure}"
        return
    turns.costs.append(cost)
    turns.asked.append(arena.site.log())
    turns.database_bytes.append(database.settled_bytes(arena.database))
    turns.trouble = turns.trouble or database.differs(arena.database, own.rows, truth)
