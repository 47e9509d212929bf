"""Running the command line: in this process for speed, as a process of its own for the rest."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harvester import cli

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands in a folder of their own, with a clean environment."""

    folder: Path
    captured: pytest.CaptureFixture[str]

    def __call__(self, *args: str) -> Outcome:
        """Run a command in this process."""
        self.captured.readouterr()
        code = cli.run(args)
        told = self.captured.readouterr()
        return Outcome(code, told.out, told.err)

    @contextmanager
    def process(self, *args: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command as a process of its own; it is killed on leaving if it still runs."""
        with subprocess.Popen(
            [sys.executable, "-m", "harvester", *args],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """Yield a shell in an empty folder that knows no configuration but its own."""
    for name in [name for name in os.environ if name.startswith("HARVESTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)
