"""`python -m benchmarks`: play the rounds, measure the rest, print the tables."""

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import contest, profiling, tables
from benchmarks.contest import Contender, Results
from benchmarks.growth import growth
from benchmarks.idle import at_rest, start_seconds
from benchmarks.site import Site, serving
from benchmarks.targets import Measured
from benchmarks.world import Size, size_of, sized

MARKED = re.compile(r"(<!-- measured: begin -->\n).*(<!-- measured: end -->)", re.DOTALL)


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and how thoroughly; `growing` are multiples of the rows."""

    size: Size
    contenders: Sequence[Contender]
    repetitions: int
    growing: Sequence[int]
    steps: int
    rest_seconds: float


def _plan(chosen: argparse.Namespace) -> Plan:
    if chosen.is_quick:
        quick = tuple(own for own in contest.CONTENDERS if own is not contest.DLT)
        return Plan(Size(4, 10, 600, 4_000), quick, 1, (1, 10), 1, 5)
    size = size_of(chosen)
    return Plan(size, contest.CONTENDERS, chosen.repetitions, (1, 10, 33), 5, 60)


def measure(plan: Plan, folder: Path) -> Measured:
    """Measure everything, one thing after the other."""
    with serving(plan.size) as site:
        truth = site.truth()
        results = _rounds(plan, site, folder / "rounds")
        _say("growth")
        targets = [truth.rows * times for times in plan.growing]
        grown = growth(site, folder / "growth", targets, plan.steps)
        _say("profile")
        where = profiling.shares(site, folder / "profile")
        _say("rest")
        rest = at_rest(site, folder / "rest", plan.rest_seconds)
    start = start_seconds(folder / "start")
    return Measured(plan.size, truth, plan.repetitions, results, grown, start, rest, where)


def _rounds(plan: Plan, site: Site, folder: Path) -> Results:
    results: Results = {}
    for name, kind, turns in contest.compete(site, folder, plan.contenders, plan.repetitions):
        results[name, kind] = turns
        cost = turns.trouble or f"{turns.costs[-1].wall:.2f} s, {turns.costs[-1].cpu:.2f} s CPU"
        _say(f"{kind}, {name}: {cost}")
    return results


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


def rewrite(path: Path, report: str) -> None:
    """Put a report between the marks of a document."""
    text = path.read_text()
    assert MARKED.search(text), f"{path} has no marks"
    path.write_text(MARKED.sub(lambda found: f"{found[1]}\n{report}\n{found[2]}", text))


def main() -> None:
    """Read the command line, measure, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    sized(parser)
    parser.add_argument("--quick", action="store_true", dest="is_quick")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--write", type=Path, help="a document whose marked part is rewritten")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = tables.report(measure(_plan(chosen), Path(folder)))
    print(report)
    if chosen.write:
        rewrite(chosen.write, report)


if __name__ == "__main__":
    main()
