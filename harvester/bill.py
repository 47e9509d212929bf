"""What harvesting will cost, drawn up before it is paid. Pure.

forecast + limits -> what fits, what becomes late, and when the first listings are through
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from harvester import backlog, forecast, limits
from harvester.backlog import Backlog
from harvester.config import Settings
from harvester.costs import DAY
from harvester.forecast import WORKS, Line
from harvester.limits import Limits
from harvester.store.outlook import Outlook

BACKFILL: Final = "backfill"


@dataclass(frozen=True)
class Slip:
    """What one kind of work of a job needs and gets a day, and how late it becomes at worst.

    `late` None: it is never done.
    """

    work: str
    job: str
    needed: float
    granted: float
    late: timedelta | None


@dataclass(frozen=True)
class Bill:
    """A forecast held against the limits."""

    settings: Settings
    outlook: Outlook
    at: datetime
    lines: Sequence[Line]
    limits: Limits

    @cached_property
    def needed(self) -> dict[str, float]:
        """Requests a day by kind of work, the most urgent first."""
        added = forecast.per_day(self.lines)
        return {work: added.get(work, 0.0) for work in WORKS}

    @cached_property
    def requests(self) -> float:
        """Requests a day in all, but for first listings."""
        return sum(self.needed.values())

    @cached_property
    def backlog_by_game(self) -> dict[int, Backlog]:
        """First listings, game by game."""
        return dict(backlog.by_game(forecast.unlock_lists(self.outlook, self.lines)))

    @cached_property
    def backlog(self) -> Backlog:
        """First listings of all games."""
        return sum(self.backlog_by_game.values(), Backlog())

    def ends_at(self, requests: int) -> datetime | None:
        """Tell when so many requests are through that have to give way to all else; None: never."""
        return limits.ends_at(self.limits, self.at, requests, self.requests)

    @property
    def is_fitting(self) -> bool:
        """Whether everything is asked when it is due, and the first listings come to an end."""
        if self.requests != self.limits.per_day:
            return self.requests < self.limits.per_day
        return not self.backlog.requests_left

    @property
    def slips(self) -> list[Slip]:
        """What each kind of work of each job needs and gets; first listings get what is left."""
        shares = limits.granted(self.limits, self.needed)
        rows = [
            self._slip(work, job, shares[work]) for work in WORKS for job in self._jobs_of(work)
        ]
        if not self.backlog.requests_left:
            return rows
        rest = self.limits.per_day - sum(shares.values())
        late = timedelta(0) if rest > 0 else None
        return [*rows, Slip(BACKFILL, "unlocks", self.backlog.requests_left, rest, late)]

    def _jobs_of(self, work: str) -> list[str]:
        return list(dict.fromkeys(line.job for line in self.lines if line.work == work))

    def _slip(self, work: str, job: str, share: float) -> Slip:
        own = [line for line in self.lines if (line.work, line.job) == (work, job)]
        needed, looks = sum(line.requests for line in own), sum(line.looks for line in own)
        part = needed * share / self.needed[work] if needed else 0.0
        spacing = DAY * len({line.wanted.target for line in own}) / looks if looks else DAY
        return Slip(work, job, needed, part, limits.slip(self.limits, needed, part, spacing))


def draw_up(settings: Settings, outlook: Outlook, *, at: datetime) -> Bill:
    """Forecast what a configuration will ask, and hold it against its limits."""
    lines = forecast.lines(settings, outlook, at=at)
    own = limits.limits_of(settings, outlook.requests_today)
    return Bill(settings, outlook, at, lines, own)


def by_job(some: Sequence[Line]) -> dict[str, float]:
    """Add up the requests of a day by job."""
    added: Counter[str] = Counter()
    for line in some:
        added[line.job] += line.requests  # type: ignore[assignment]
    return dict(added)
