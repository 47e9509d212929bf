"""What was measured, as tables in Markdown."""

import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.contest import CONTENDERS, FLOOR, ROUNDS, Results, Turns
from benchmarks.growth import Grown
from benchmarks.targets import MB, Measured, Target, targets

PACKAGES = ("ra-harvester", "SQLAlchemy", "requests", "orjson", "sqlite-utils", "dlt")
WORTH_TELLING = 0.015  # of the time; the small parts are not shown


def report(measured: Measured) -> str:
    """Write everything down."""
    return "\n\n".join(_parts(measured)) + "\n"


def _parts(measured: Measured) -> Iterator[str]:
    yield _where(measured)
    yield "### Numbers to reach"
    yield _targets(list(targets(measured)))
    for kind in ROUNDS:
        yield f"### Round: {kind}"
        yield _round(measured.results, kind)
    if measured.grown:
        yield "### One incremental poll of an unlock list, by the rows already there"
        yield _growth(measured.grown)
    if measured.shares:
        yield "### Where a cold round of ra-harvester spends its time"
        yield _shares(measured.shares)


def _where(measured: Measured) -> str:
    size = measured.size
    rows = measured.truth.rows
    return (
        f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())} at {measured.commit}: "
        f"{size.games} games × {size.achievements} achievements × {size.unlocks:,} unlocks = "
        f"{rows:,} rows by {size.players:,} players; medians of {measured.repetitions} "
        f"repetitions (dlt of fewer). {machine()}."
    )


def machine() -> str:
    """Say on what was measured, how busy it was, and with which versions."""
    return (
        f"{_machine()}, under a load of {os.getloadavg()[2]:.1f} "
        f"on average of the last 15 minutes; Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {_versions()}"
    )


def commit() -> str:
    """Name the commit that is checked out; to be asked before it can change."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whatever git there is
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return told.stdout.strip() or "no commit"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.machine()


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name)))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


# --- the tables ------------------------------------------------------------------------


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; the first column is text, the others stand to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = [
        "-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)
    ]
    return "\n".join(_line(cells, widths) for cells in (header, rule, *rows))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(padded)} |"


def _targets(reached: Sequence[Target]) -> str:
    header = ("what", "at most", "measured", "of that", "reached")
    return table(header, [_target(target) for target in reached])


def _target(target: Target) -> tuple[str, ...]:
    most, unit = target.at_most, target.unit
    if target.measured is None:
        return target.what, _number(most, unit), "no figure", "", "no"
    of_that = f"{target.measured / most:.0%}" if most else ""
    reached = "yes" if target.is_reached else "no"
    return target.what, _number(most, unit), _number(target.measured, unit), of_that, reached


def _number(value: float, unit: str) -> str:
    """Write a figure with its unit; requests have none and are whole."""
    if not unit:
        return f"{value:,.0f}"
    return f"{value:.2f} {unit}" if value < 10 else f"{value:.1f} {unit}"


ROUND = (
    "contender", "requests", "MB received", "wall s", "CPU s", "CPU ÷ floor", "peak MB",
    "database MB", "repetitions",
)  # fmt: skip


def _round(results: Results, kind: str) -> str:
    floor = results.get((FLOOR.name, kind))
    rows = [
        _turns(own.name, turns, floor)
        for own in CONTENDERS
        if (turns := results.get((own.name, kind))) is not None
    ]
    return table(ROUND, rows)


def _turns(name: str, turns: Turns, floor: Turns | None) -> tuple[str, ...]:
    """Write what came of a contender's turns, or in its place why nothing counts."""
    if not turns.counts:
        return f"{name}: {turns.trouble}", *[""] * (len(ROUND) - 1)
    against = f"{turns.cpu / floor.cpu:.2f} ×" if floor and floor.counts else ""
    return (
        name,
        f"{turns.requests:,.0f}",
        f"{turns.bytes / MB:.2f}",
        f"{turns.wall:.2f}",
        f"{turns.cpu:.2f}",
        against,
        f"{turns.memory / MB:.1f}",
        f"{turns.size / MB:.1f}",
        str(len(turns.costs)),
    )


def _growth(grown: Sequence[Grown]) -> str:
    header = ("rows", "poll, wall ms", "poll, CPU ms", "peak MB of the round", "database MB")
    return table(header, [_grown(own) for own in grown])


def _grown(own: Grown) -> tuple[str, ...]:
    if own.trouble:
        return f"{own.rows:,}: {own.trouble}", "", "", "", ""
    times = (f"{1000 * own.wall:.1f}", f"{1000 * own.cpu:.1f}")
    return f"{own.rows:,}", *times, f"{own.memory / MB:.1f}", f"{own.size / MB:.0f}"


def _shares(shares: Sequence[tuple[str, float]]) -> str:
    rows = [(part, f"{share:.0%}") for part, share in shares if share >= WORTH_TELLING]
    return table(("part", "share"), rows)
