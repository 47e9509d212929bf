"""`harvester` at the time of the database of `full.py`: `python -m benchmarks.clocked serve …`.

The clock starts at the end of the year in it and goes on; everything else is the real program.
By the real clock "the last day" would hold nothing, and pages would have less and less to do.
"""

import time
from datetime import datetime, timedelta

from benchmarks import full
from harvester import clock
from harvester.cli import main

_BEGAN = time.monotonic()


def now() -> datetime:
    """Return the present instant, as the database would have it."""
    return full.NOW + timedelta(seconds=int(time.monotonic() - _BEGAN))


if __name__ == "__main__":
    clock.now = now
    main()
