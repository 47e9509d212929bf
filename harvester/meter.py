"""What a process has asked so far, today and in all, against its daily budget."""

from datetime import date

from harvester.clock import Clock
from harvester.errors import BudgetSpent


class Meter:
    """Counts every request, retries included, in the UTC day in which it is sent."""

    def __init__(self, daily_budget: int, *, clock: Clock, asked_before: int = 0) -> None:
        self._budget = daily_budget
        self._clock = clock
        self._day: date = clock().date()
        self._before = asked_before
        self.requests = 0
        self._that_day = 0

    @property
    def requests_that_day(self) -> int:
        """Tell how many requests this process has sent in the present UTC day."""
        self._turn_the_day()
        return self._that_day

    def admit(self) -> None:
        """Count a request that is about to be sent, or raise `BudgetSpent`."""
        self._turn_the_day()
        if self._budget and self._before + self.requests_that_day >= self._budget:
            raise BudgetSpent(
                f"the daily budget of {self._budget} requests is spent; "
                "what is still due waits for the next UTC day (see api.daily_budget)"
            )
        self.requests += 1
        self._that_day += 1

    def _turn_the_day(self) -> None:
        today = self._clock().date()
        if today != self._day:
            self._day, self._before, self._that_day = today, 0, 0
