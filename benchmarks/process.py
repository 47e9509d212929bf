"""Running a process to its end, and what it cost: wall, CPU and the peak of its memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TOO_LONG_SECONDS = 900.0


class Cost(NamedTuple):
    """What a process cost: seconds by the clock and of CPU (user and system), bytes of memory.

    The kernel counts the memory of whoever started a process as its own, so what measures
    has to stay smaller than what it measures (`peak_of_ours`).
    """

    wall: float
    cpu: float
    memory: int


class Failed(Exception):
    """A process did not end well."""


def run(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end; what it prints goes to a file."""
    with log.open("ab") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=_environment(env)
        )
        watchdog = threading.Timer(TOO_LONG_SECONDS, process.kill)
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"exit {process.returncode}: {_last_line(log)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Hand our environment down, without any configuration of a harvester."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("HARVESTER_")}
    return own | dict(more or {})


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that goes on; whoever asks for it ends it."""
    with log.open("ab") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=_environment(None))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started, with patience."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
