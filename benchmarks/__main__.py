"""`python -m benchmarks`: play the rounds, measure the rest, print the tables."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import contest, document, profiling, tables
from benchmarks.contest import Contender, Results
from benchmarks.growth import growth
from benchmarks.idle import at_rest, start_seconds
from benchmarks.site import Site, serving
from benchmarks.targets import Measured
from benchmarks.world import Size, size_of, sized


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and how thoroughly; `growing` are multiples of the rows."""

    size: Size
    contenders: Sequence[Contender]
    repetitions: int
    growing: Sequence[float] = (1, 10, 100 / 3)
    steps: int = 5
    rest_seconds: float = 60
    is_rounds_only: bool = False


def _plan(chosen: argparse.Namespace) -> Plan:
    asked = chosen.contenders or [own.name for own in contest.CONTENDERS]
    contenders = [own for own in contest.CONTENDERS if own.name in asked]
    plan = Plan(
        size_of(chosen), contenders, chosen.repetitions, is_rounds_only=chosen.is_rounds_only
    )
    if not chosen.is_quick:
        return plan
    quick = [own for own in contenders if own is not contest.DLT]
    size = Size(games=4, achievements=10, unlocks=600, players=4_000)
    brief = replace(plan, size=size, contenders=quick, repetitions=1)
    return replace(brief, growing=(1, 10), steps=1, rest_seconds=5)


def measure(plan: Plan, folder: Path) -> Measured:
    """Measure everything, one thing after the other."""
    commit = tables.commit()
    with serving(plan.size) as site:
        results = _rounds(plan, site, folder / "rounds")
        site.reset()
        measured = Measured(plan.size, site.truth(), plan.repetitions, results, commit=commit)
        if plan.is_rounds_only:
            return measured
        return _beyond_rounds(plan, site, folder, measured)


def _beyond_rounds(plan: Plan, site: Site, folder: Path, measured: Measured) -> Measured:
    """Add what concerns ra-harvester alone."""
    rows = [round(measured.truth.rows * times) for times in plan.growing]
    _say("growth")
    grown = growth(site, folder / "growth", rows, plan.steps)
    _say("profile")
    shares = profiling.shares(site, folder / "profile")
    _say("start and rest")
    start = start_seconds(folder / "start")
    rest = at_rest(site, folder / "rest", plan.rest_seconds)
    return replace(measured, grown=grown, shares=shares, start_seconds=start, rest=rest)


def _rounds(plan: Plan, site: Site, folder: Path) -> Results:
    results: Results = {}
    for name, kind, turns in contest.compete(site, folder, plan.contenders, plan.repetitions):
        results[name, kind] = turns
        cost = turns.trouble or f"{turns.costs[-1].wall:.2f} s, {turns.costs[-1].cpu:.2f} s CPU"
        _say(f"{kind}, {name}: {cost}")
    return results


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, measure, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    sized(parser)
    parser.add_argument("--quick", action="store_true", dest="is_quick")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--rounds-only", action="store_true", dest="is_rounds_only")
    names = [own.name for own in contest.CONTENDERS]
    parser.add_argument("--contender", action="append", choices=names, dest="contenders")
    parser.add_argument("--write", type=Path, help="a document whose marked part is rewritten")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all we started ends, too
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = tables.report(measure(_plan(chosen), Path(folder)))
    print(report)
    if chosen.write:
        document.rewrite(chosen.write, "measured", report)


if __name__ == "__main__":
    main()
