"""What a round came to, job by job."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from harvester.harvest import Told
from harvester.store.evidence import Attempt

COLUMNS: Final = (
    "job",
    "polls",
    "changed",
    "unchanged",
    "failed",
    "requests",
    "opened",
    "closed",
)


class Tally:
    """Counts the polls that were asked; a refused one is told by `refuse`, not by `hear`."""

    def __init__(self) -> None:
        self._jobs: dict[str, Counter[str]] = defaultdict(Counter)
        self._asking = ""
        self.first_failure: Told | None = None

    @property
    def failed(self) -> int:
        """How many polls did not get an answer that can be stored."""
        return sum(counts["failed"] for counts in self._jobs.values())

    @property
    def polls(self) -> int:
        """How many polls were asked."""
        return sum(counts["polls"] for counts in self._jobs.values())

    @property
    def requests(self) -> int:
        """How many requests the counted polls took."""
        return sum(counts["requests"] for counts in self._jobs.values())

    def hear(self, told: Told) -> None:
        """Take in what is being asked, or what came of it."""
        self._asking = told.poll.job
        if told.attempt is not None:
            self._count(told, told.attempt)

    def refuse(self, requests: int) -> None:
        """Count the poll in hand, which ended the round after so many `requests` in all."""
        self._jobs[self._asking].update(polls=1, failed=1, requests=requests - self.requests)

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield a row of `COLUMNS` for every job, in the order in which they were first asked."""
        for job, counts in self._jobs.items():
            yield {"job": job, **{name: counts[name] for name in COLUMNS[1:]}}

    def _count(self, told: Told, attempt: Attempt) -> None:
        kind = attempt.outcome if attempt.outcome in {"changed", "unchanged"} else "failed"
        if kind == "failed":
            self.first_failure = self.first_failure or told
        self._jobs[self._asking].update(
            {
                "polls": 1,
                kind: 1,
                "requests": attempt.requests,
                "opened": told.changes.opened,
                "closed": told.changes.closed,
            }
        )
