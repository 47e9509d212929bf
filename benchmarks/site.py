"""The server from the side of whoever measures: start it, move its world, read its log."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks.process import stop
from benchmarks.world import FIRST_GAME, Size


class Truth(NamedTuple):
    """What a contender's rows must come to, and the fewest pages of 499 new rows to read them."""

    rows: int
    digest: str
    pages: int


class Asked(NamedTuple):
    """What was asked since the log was read last: requests by kind, and bytes of bodies."""

    requests: dict[str, int]
    bytes: int

    @property
    def total(self) -> int:
        """Count all requests."""
        return sum(self.requests.values())


class Site(NamedTuple):
    """A server that runs."""

    base_url: str
    size: Size

    @property
    def games(self) -> list[int]:
        """Name the games there are."""
        return [FIRST_GAME + number for number in range(self.size.games)]

    def advance(self, share: float) -> int:
        """Let a share of the achievements get new unlocks; tell how many did."""
        return len(self._control(f"advance?share={share}")["moved"])

    def reset(self) -> None:
        """Make the world what it was at the start, and forget what was asked."""
        self._control("reset")
        self.log()

    def truth(self) -> Truth:
        """Tell what there is."""
        return Truth(**self._control("truth"))

    def log(self) -> Asked:
        """Tell what was asked, and forget it."""
        told = self._control("log")
        return Asked(told["asked"], told["bytes"])

    def _control(self, order: str) -> Any:  # noqa: ANN401 - decoded JSON
        url = self.base_url.removesuffix("API/") + f"control/{order}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)


@contextmanager
def serving(size: Size) -> Iterator[Site]:
    """Start a server of its own, wait until it answers, and end it at last."""
    sizes = [f"--{name}={value}" for name, value in size._asdict().items()]
    command = [sys.executable, "-m", "benchmarks.server", *sizes]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as told:
        try:
            yield Site(told.readline().decode().strip(), size)
        finally:
            stop(process)
