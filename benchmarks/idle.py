"""What ra-harvester costs while it has nothing to do: its start, and its daemon at rest."""

import os
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import process
from benchmarks.contest import PROGRAM, Arena, harvester, prepare_harvester
from benchmarks.site import Site

STARTS = 9
SETTLING_SECONDS = 2.0
MOST_LOOKS = 30  # at a daemon that will not settle
AT_REST = """
[jobs.game-tickets]
every = "365d"
recheck = "365d"
recheck_closed = "365d"
[jobs.progress]
every = "365d"
[jobs.distribution]
every = "365d"
at_most = "365d"
[jobs.unlocks]
sweep = "365d"
"""


class Rest(NamedTuple):
    """A daemon at rest: share of a core, bytes of memory now and at the peak, requests sent."""

    share: float
    memory: int
    peak: int
    requests: int


def start_seconds(folder: Path) -> float:
    """Measure `harvester --help`, the median of several starts."""
    folder.mkdir(parents=True)
    command = [PROGRAM, "--help"]
    costs = [process.run(command, folder / "log") for _ in range(STARTS + 1)]
    return median(cost.wall for cost in costs[1:])


def at_rest(site: Site, folder: Path, seconds: float) -> Rest:
    """Watch a daemon that has everything and is due for nothing."""
    site.reset()
    folder.mkdir(parents=True)
    arena = Arena(folder, site)
    prepare_harvester(arena)
    with (folder / "config.toml").open("a") as config:
        config.write(AT_REST)
    process.run(harvester(arena, "fetch"), arena.log)
    daemon = process.start(harvester(arena, "run"), arena.log)
    try:
        _settle(daemon.pid)
        return _watch(site, daemon.pid, seconds)
    finally:
        process.stop(daemon)


def _settle(pid: int) -> None:
    """Wait until the start is over: no CPU was used between two looks."""
    used = -1.0
    for _ in range(MOST_LOOKS):
        time.sleep(SETTLING_SECONDS)
        if (now := _cpu(pid)) == used:
            return
        used = now


def _watch(site: Site, pid: int, seconds: float) -> Rest:
    site.log()
    began, used = time.monotonic(), _cpu(pid)
    time.sleep(seconds)
    share = (_cpu(pid) - used) / (time.monotonic() - began)
    return Rest(share, _memory(pid, "VmRSS"), _memory(pid, "VmHWM"), site.log().total)


def _cpu(pid: int) -> float:
    """Read the seconds of CPU that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
