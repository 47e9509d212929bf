"""How fast we may ask, and how long we wait when RA says that it was too fast.

Pure arithmetic: clocks, chance and a way to wait are handed in.
"""

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

SLOWEST: Final = 1 / 16
QUIET_SECONDS: Final = 15 * 60  # without a 429, after which the pace doubles again
FIRST_WAIT: Final = 60  # seconds, after a 429 that does not say how long
LONGEST_WAIT: Final = 15 * 60  # seconds that are waited for inside a round
_DAY: Final = 24 * 60 * 60
_MOST_DIGITS: Final = 9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Pacer:
    """Lets a burst of requests through at once, then `rate` (times `factor`) a second.

    A request that has to wait takes its token beforehand, so several threads that wait
    at the same time are spaced as well. `began_at` is the instant at which it was made.
    """

    rate: float
    burst: int
    monotonic: Callable[[], float]
    wait: Callable[[float], None]
    began_at: datetime = _EPOCH
    _factor: float = field(default=1.0, init=False)
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)
    _quiet_since: float = field(init=False)
    _began: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._tokens = float(self.burst)
        self._began = self._filled_at = self._quiet_since = self.monotonic()

    @property
    def factor(self) -> float:
        """The part of the rate that is used now: 1, 1/2, … 1/16."""
        with self._lock:
            self._fill()
            return self._factor

    @property
    def quiet_since_at(self) -> datetime | None:
        """When RA last said "too fast", or the pace was doubled since; None: it is full."""
        with self._lock:
            self._fill()
            after = math.ceil(self._quiet_since - self._began)
            return self.began_at + timedelta(seconds=after) if self._factor < 1 else None

    def resume(
        self, factor: float, *, quiet_since_at: datetime | None, asked_at: datetime | None
    ) -> None:
        """Go on as one long process would, where an earlier one left off.

        `asked_at`: no request was sent after it; only what dripped in since may burst.
        """
        with self._lock:
            self._slow_to(factor)
            self._quiet_since -= self._since(quiet_since_at)
            dripped = self._since(asked_at) * self.rate * self._factor
            self._tokens = self._tokens if asked_at is None else min(self._tokens, dripped)

    def _since(self, at: datetime | None) -> float:
        """Tell the seconds from an instant to the beginning; 0 where the clock stepped back."""
        return max(0.0, (self.began_at - at).total_seconds()) if at else 0.0

    def take(self) -> None:
        """Wait until the next request may start."""
        with self._lock:
            self._fill()
            self._tokens -= 1
            seconds = max(0.0, -self._tokens / (self.rate * self._factor))
        if seconds:
            self.wait(seconds)

    def slow_down(self) -> None:
        """Halve the pace after a 429, and let no burst through before it has refilled."""
        with self._lock:
            self._fill()
            self._slow_to(self._factor / 2)
            self._tokens = min(self._tokens, 0.0)

    def _slow_to(self, factor: float) -> None:
        self._factor = min(1.0, max(SLOWEST, factor))
        self._quiet_since = self._filled_at

    def _fill(self) -> None:
        """Add what has dripped in since the last look, then quicken if it was quiet."""
        now = self.monotonic()
        dripped = (now - self._filled_at) * self.rate * self._factor
        self._tokens = min(float(self.burst), self._tokens + dripped)
        self._filled_at = now
        while self._factor < 1 and now - self._quiet_since >= QUIET_SECONDS:
            self._factor = min(1.0, self._factor * 2)
            self._quiet_since += QUIET_SECONDS


def retry_after(header: str | None, now: datetime) -> float | None:
    """Read how many seconds (at most a day) RA asks to wait; None: it does not say.

    The header is either a number of seconds or a date in the form of an e-mail's.
    """
    if header is None:
        return None
    if header.strip().isdecimal() and header.isascii():
        return float(min(int(header.strip()[:_MOST_DIGITS]), _DAY))
    return _until(header, now)


def backoff(times: int, chance: random.Random) -> float:
    """Return the wait after so many 429 in a row: a minute, doubling to 15.

    Shortened by chance, up to a fifth, so that many clients do not come back at once.
    """
    doublings = min(times - 1, 8)  # past the longest wait anyway
    return min(LONGEST_WAIT, FIRST_WAIT << doublings) * (1 - 0.2 * chance.random())


def _until(header: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):  # the latter for a year or a zone past all bounds
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (zoned - now).total_seconds()), float(_DAY))
