"""Wrong tokens, counted for each address: who guesses has to wait, and nobody else does."""

import time
from collections.abc import Callable
from typing import Final

MOST: Final = 20  # wrong tokens of one address in `SECONDS`
SECONDS: Final = 60
ADDRESSES: Final = 10_000  # remembered; more forget those that guessed first


class Guesses:
    """Who guessed how often, since when."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wrong: dict[str, tuple[float, int]] = {}

    def are_enough(self, address: str) -> bool:
        """Tell whether an address has to wait before it may try again."""
        began, count = self._wrong.get(address, (0.0, 0))
        return count >= MOST and self._now() < began + SECONDS

    def count(self, address: str) -> None:
        """Take note of a wrong token."""
        began, count = self._wrong.pop(address, (self._now(), 0))
        if self._now() >= began + SECONDS:
            began, count = self._now(), 0
        self._wrong[address] = began, count + 1
        if len(self._wrong) > ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
