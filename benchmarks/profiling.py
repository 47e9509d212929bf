"""Where the time of a cold round goes, by the part of the program or library that spends it.

The profiler makes every call of a Python function dearer than it is, so the shares are
rough; what C code does for a Python function counts as that function's.
"""

import pstats
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import process
from benchmarks.contest import Arena, harvester, prepare_harvester
from benchmarks.site import Site

Function = tuple[str, int, str]
PARTS = (  # what a file's path, or a C function's name, belongs to; the first that fits
    (re.compile(r"sqlite3\."), "SQLite itself"),
    (re.compile(r"importlib|marshal|builtins\.(exec|compile|__build_class__)"), "imports"),
    (re.compile(r"site-packages/(sqlalchemy|pydantic|urllib3|requests)"), r"\1"),
    (re.compile(r"/(harvester/(\w+/)?\w+\.py)"), r"\1"),
    (re.compile(r"/(json|socket|http|ssl)\b|_socket|pydantic_core"), "reading and parsing answers"),
)


def shares(site: Site, folder: Path) -> list[tuple[str, float]]:
    """Profile `harvester fetch` into an empty database; the dearest parts first, as shares."""
    site.reset()
    folder.mkdir(parents=True)
    arena, kept = Arena(folder, site), folder / "profile"
    prepare_harvester(arena)
    start = [sys.executable, "-m", "cProfile", "-o", str(kept), "-m", "harvester"]
    process.run([*start, *harvester(arena, "fetch")[1:]], arena.log)
    spent = _spent(pstats.Stats(str(kept)).stats)  # type: ignore[attr-defined]
    total = sum(spent.values())
    return [(part, seconds / total) for part, seconds in sorted(spent.items(), key=_seconds)]


def _seconds(item: tuple[str, float]) -> float:
    return -item[1]


def _spent(stats: dict[Function, Any]) -> dict[str, float]:
    """Sum up the seconds that functions spend themselves, by part."""
    spent = dict[str, float]()
    for function, (_, _, own, _, callers) in stats.items():
        for part, seconds in _shared(function, own, callers):
            spent[part] = spent.get(part, 0) + seconds
    return spent


def _shared(
    function: Function, own: float, callers: dict[Function, Any]
) -> Iterator[tuple[str, float]]:
    """Let the callers of a C function that belongs to nobody share its seconds."""
    part = _part(function)
    if part or not callers:
        yield part or "the rest", own
        return
    for caller, (_, _, seconds, _) in callers.items():
        yield _part(caller) or "the rest", seconds


def _part(function: Function) -> str:
    path, _, name = function
    where = name if path == "~" else path
    found = ((pattern.search(where), part) for pattern, part in PARTS)
    return next((match.expand(part) for match, part in found if match), "")
