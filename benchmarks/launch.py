"""Run a command, and write down what it cost: `launch.py RESULT COMMAND...`.

The kernel hands the peak of memory of whoever starts a process down to it, so contenders
are started by this one, which imports next to nothing and is smaller than all of them.
"""

import os
import sys
import time


def main() -> None:
    """Start the command, wait for it, and end as it did."""
    result, *command = sys.argv[1:]
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - began
    with open(result, "w") as told:  # noqa: PTH123 - pathlib would cost more than all the rest
        told.write(f"{wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main()
