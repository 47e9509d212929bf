"""Running a process to its end, and what it cost: wall, CPU and the peak of its memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TOO_LONG_SECONDS = 900.0
LAUNCHER = str(Path(__file__).with_name("launch.py"))


class Cost(NamedTuple):
    """What a process cost: seconds by the clock and of CPU (user and system), bytes of memory."""

    wall: float
    cpu: float
    memory: int


class Failed(Exception):
    """A process did not end well."""


def run(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end; what it prints goes to a file."""
    result = log.with_name("cost")
    launched = [sys.executable, "-S", "-E", LAUNCHER, str(result), *command]
    with log.open("ab") as out:
        process = subprocess.Popen(
            launched,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment(env),
            start_new_session=True,
        )
        _wait(process)
    if process.returncode:
        raise Failed(f"exit {process.returncode}: {_last_line(log)}")
    wall, cpu, kilobytes = map(float, result.read_text().split())
    return Cost(wall, cpu, int(kilobytes) * 1024)


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process; one that takes too long, or is not waited for, ends with its own."""
    try:
        process.wait(TOO_LONG_SECONDS)
    except BaseException as trouble:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not isinstance(trouble, subprocess.TimeoutExpired):
            raise


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Hand our environment down, without any configuration of a harvester."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("HARVESTER_")}
    return own | dict(more or {})


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that goes on; whoever asks for it ends it."""
    with log.open("ab") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=environment(None))


def stop(process: subprocess.Popen[Any]) -> None:
    """End a process that was started, with patience."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
