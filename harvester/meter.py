"""What a process has asked so far, today and in all, against its daily budget."""

from collections.abc import Callable
from datetime import date
from typing import Final

from harvester.clock import Clock
from harvester.errors import BudgetSpent

MOST_RESERVED: Final = 16  # requests that a killed process may cost without having sent them
SHARE_RESERVED: Final = 1000  # of the budget, for small ones


def _nothing() -> None:
    """Write nothing down."""


class Meter:
    """Counts every request, retries included, in the UTC day in which it is sent.

    A few requests at a time are reserved, and written down by `note`, before they are sent:
    a process that is killed cannot tell any more what it asked last. Threads that share it
    take turns (`turn`), so that none counts between another's look at what is left and its count.
    """

    def __init__(self, daily_budget: int, *, clock: Clock, asked_before: int = 0) -> None:
        self.budget = daily_budget
        self.note: Callable[[], None] = _nothing
        self._clock = clock
        self._day: date = clock().date()
        self._before = asked_before
        self.requests = 0
        self._that_day = 0
        self._reserved = 0

    @property
    def day(self) -> date:
        """The UTC day that is counted."""
        self._turn_the_day()
        return self._day

    @property
    def counted_that_day(self) -> int:
        """How many requests of this process count against the day: sent, or reserved."""
        self._turn_the_day()
        return max(self._that_day, self._reserved)

    @property
    def left(self) -> int | None:
        """How many requests the day still allows; None: there is no limit."""
        self._turn_the_day()
        spent = self._before + self._that_day
        return max(0, self.budget - spent) if self.budget else None

    def admit(self) -> None:
        """Count a request that is about to be sent, or raise `BudgetSpent`."""
        if self.left == 0:
            raise BudgetSpent(
                f"the daily budget of {self.budget} requests is spent; "
                "what is still due waits for the next UTC day (see api.daily_budget)"
            )
        if self.budget and self._that_day >= self._reserved:
            self._reserve()
        self.requests += 1
        self._that_day += 1

    def settle(self) -> None:
        """Give back what was reserved and not sent."""
        self._reserved = 0

    def _reserve(self) -> None:
        some = min(MOST_RESERVED, max(1, self.budget // SHARE_RESERVED), self.left or 0)
        self._reserved = self._that_day + some
        self.note()

    def _turn_the_day(self) -> None:
        today = self._clock().date()
        if today > self._day:  # a clock that steps back renews no budget
            self._day, self._before, self._that_day, self._reserved = today, 0, 0, 0
