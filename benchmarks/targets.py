"""The numbers to reach, each beside what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.contest import (
    COLD,
    DLT,
    FLOOR,
    HARVESTER,
    ROUNDS,
    SHARE,
    Contender,
    Results,
    Turns,
)
from benchmarks.growth import Grown
from benchmarks.idle import Rest
from benchmarks.site import Truth
from benchmarks.world import Size

MB = 1e6


@dataclass(frozen=True)
class Measured:
    """Everything that one run measured."""

    size: Size
    truth: Truth
    repetitions: int
    results: Results
    grown: Sequence[Grown] = ()
    start_seconds: float | None = None
    rest: Rest | None = None
    shares: Sequence[tuple[str, float]] = ()
    commit: str = "no commit"


class Target(NamedTuple):
    """A number to reach; `measured` is None where no figure counts."""

    what: str
    at_most: float
    measured: float | None
    unit: str = ""

    @property
    def is_reached(self) -> bool:
        """Tell whether there is a figure, and it is small enough."""
        return self.measured is not None and self.measured <= self.at_most


def targets(measured: Measured) -> Iterator[Target]:
    """Hold what was measured against every number to reach."""
    yield from _requests(measured)
    yield from _against_others(measured.results)
    yield from _growth(measured.grown)
    yield Target("`harvester --help`", 0.3, measured.start_seconds, "s")
    rest = measured.rest if measured.rest and not measured.rest.requests else None
    yield Target("daemon at rest, of a core", 0.5, rest and 100 * rest.share, "%")
    yield Target("daemon at rest, memory", 90, rest and rest.memory / MB, "MB")


def _requests(measured: Measured) -> Iterator[Target]:
    """Hold the requests against those of a client that asks the least one can."""
    size = measured.size
    cold, still, changed = (_Figures.of(measured.results, HARVESTER, kind) for kind in ROUNDS)
    fewest = measured.truth.pages * 1.02 + size.games
    yield Target("unlock pages, cold", fewest, cold.asked("unlocks"))
    yield Target("requests, nothing changed", 2 * size.games, still.asked())
    dear = "unlocks", "distribution"
    yield Target("of those, unlock lists and distributions", 0, still.asked(*dear))
    moved = max(1, round(SHARE * size.games * size.achievements))
    most = 2 * size.games + moved + 2 * min(moved, size.games)
    yield Target("requests, 1 % changed", most, changed.asked())
    yield Target("bytes received, 1 % changed", 0.25, _over(changed.bytes, MB), "MB")


def _against_others(results: Results) -> Iterator[Target]:
    own, floor, dlt = (_Figures.of(results, who, COLD) for who in (HARVESTER, FLOOR, DLT))
    yield Target("CPU, cold, against the floor", 2.0, _over(own.cpu, floor.cpu), "×")
    yield Target("CPU, cold, against dlt", 0.15, _over(own.cpu, dlt.cpu), "×")
    yield Target("database, against the floor's", 1.3, _over(own.size, floor.size), "×")
    more = None if own.memory is None or floor.memory is None else own.memory - floor.memory
    yield Target("peak memory over the floor's", 60, _over(more, MB), "MB")


def _growth(grown: Sequence[Grown]) -> Iterator[Target]:
    """Compare the largest database with the smallest."""
    is_told = bool(grown) and not any(own.trouble for own in grown)
    wall = _times(grown[-1].wall, grown[0].wall) if is_told else None
    cpu = _times(grown[-1].cpu, grown[0].cpu) if is_told else None
    more = (grown[-1].memory - grown[0].memory) / MB if is_told else None
    span = f"{grown[-1].rows:,} rows against {grown[0].rows:,}" if grown else "growth"
    yield Target(f"time of an incremental poll, {span}", 1.3, wall, "×")
    yield Target("the same in CPU, which others at work do not stretch", 1.3, cpu, "×")
    yield Target(f"peak memory, {span}: the same, give or take", 5, more, "MB")


def _times(large: float, small: float) -> float | None:
    """Compare what a poll costs; a difference of rounds that fell below zero is noise."""
    return large / small if large > 0 and small > 0 else None


@dataclass(frozen=True)
class _Figures:
    """The figures of one contender in one round; None where they do not count."""

    turns: Turns | None
    cpu: float | None = None
    memory: float | None = None
    size: float | None = None
    bytes: float | None = None

    @classmethod
    def of(cls, results: Results, contender: Contender, kind: str) -> "_Figures":
        """Take the medians, if the contender took part and its rows were right."""
        turns = results.get((contender.name, kind))
        if turns is None or not turns.counts:
            return cls(None)
        return cls(turns, turns.cpu, turns.memory, turns.size, turns.bytes)

    def asked(self, *kinds: str) -> float | None:
        """Tell the requests of some kinds, or of all."""
        if self.turns is None:
            return None
        return sum(map(self.turns.asked_for, kinds or ("",)))


def _over(figure: float | None, by: float | None) -> float | None:
    return None if figure is None or by is None else figure / by
