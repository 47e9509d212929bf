"""`python -m benchmarks`: play the rounds, measure the rest, print the tables."""

import sys
import tempfile
from pathlib import Path

from benchmarks.contest import CONTENDERS, compete
from benchmarks.site import serving
from benchmarks.world import Size

with serving(Size()) as site, tempfile.TemporaryDirectory() as folder:
    for name, kind, turns in compete(site, Path(folder), CONTENDERS, 1):
        print(name, kind, turns.trouble or (turns.wall, turns.cpu, turns.memory/1e6, turns.size, turns.asked[-1]), file=sys.stderr)
