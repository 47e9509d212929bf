"""What fits into pace and budget, and how late the rest becomes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import inf
from typing import Final

from harvester.config import Settings
from harvester.costs import DAY

A_DAY: Final = DAY.total_seconds()
ENDLESS: Final = timedelta(days=36_500)  # what takes longer is called never


@dataclass(frozen=True)
class Limits:
    """What may be asked: requests a second, a day (infinite without a budget), and today so far."""

    per_second: float
    daily_budget: float = inf
    requests_today: int = 0

    @property
    def pace_per_day(self) -> float:
        """How many requests the pace lets through in a day."""
        return self.per_second * A_DAY

    @property
    def per_day(self) -> float:
        """How many requests a day can have."""
        return min(self.pace_per_day, self.daily_budget)

    @property
    def left_today(self) -> float:
        """What is left of today's budget."""
        return max(self.daily_budget - self.requests_today, 0)

    @property
    def is_budget_tighter(self) -> bool:
        """Whether the budget ends a day before the pace does."""
        return self.daily_budget < self.pace_per_day


def limits_of(settings: Settings, requests_today: int = 0) -> Limits:
    """Read the limits from the settings."""
    api = settings.api
    return Limits(api.requests_per_second, api.daily_budget or inf, requests_today)


def granted(limits: Limits, needed: Mapping[str, float]) -> dict[str, float]:
    """Share a day out: every kind of work gets what those before it leave."""
    left, shares = limits.per_day, {}
    for work, requests in needed.items():
        shares[work] = min(requests, left)
        left -= shares[work]
    return shares


def slip(limits: Limits, needed: float, share: float, spacing: timedelta) -> timedelta | None:
    """Tell how late work becomes that comes every `spacing` and gets a `share` of its need.

    None: it is never done. Where the budget is what is short, all waits for the next UTC day
    once it is spent.
    """
    if share >= needed:
        return timedelta(0)
    if share <= 0 or spacing * (needed / share) > ENDLESS:
        return None
    stretched = spacing * (needed / share - 1)
    waiting = DAY * (1 - share / needed) if limits.is_budget_tighter else timedelta(0)
    return max(stretched, waiting)


def ends_at(limits: Limits, at: datetime, requests: float, others: float) -> datetime | None:
    """Tell when so many `requests` are through beside the `others` of every day; None: never.

    Today has what is left of pace and budget, every further day all of it.
    """
    pace = limits.per_second - others / A_DAY
    a_day = min(pace * A_DAY, limits.daily_budget - others)
    if requests <= 0:
        return at
    if a_day <= 0 or requests / a_day > ENDLESS / DAY:
        return None
    rest_of_day = (_midnight(at) - at).total_seconds()
    of_others = others * rest_of_day / A_DAY
    today = max(min(pace * rest_of_day, limits.left_today - of_others), 0)
    if requests <= today:
        return at + timedelta(seconds=requests / pace)
    days, more = divmod(requests - today, a_day)
    return _midnight(at) + days * DAY + timedelta(seconds=more / pace)


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date() + DAY, time(), UTC)
