"""Which settings would make it fit: each one computed, each one enough by itself. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from math import ceil, inf
from typing import Any, Final

from harvester import forecast
from harvester.bill import Bill
from harvester.config import Settings
from harvester.limits import A_DAY, limits_of
from harvester.schedule import Every, readable

BEARABLE: Final = 4.0  # requests a second that others ask RA with and report no trouble
ROOM: Final = 1.02  # a limit is raised to a little more than what is needed
HOURS: Final = (2, 3, 4, 6, 8, 12, 24, 48, 168)
DAYS: Final = (1, 2, 7, 14, 30, 60, 90, 180)


@dataclass(frozen=True)
class Remedy:
    """A setting that is enough by itself: what it saves a day, and what is lost by it.

    `stretch` tells how many times less is asked by the job; infinite where it stops telling.
    """

    setting: str
    saves: float | None
    loss: str
    stretch: float = 0.0


@dataclass(frozen=True)
class _Lever:
    """A key of a job that may be turned, step by step, until all fits."""

    job: str
    key: str
    steps: tuple[Any, ...]
    loss: str
    is_final: bool = False


_HOURLY: Final = tuple(Every(hours * 3600) for hours in HOURS)
_DAILY: Final = tuple(timedelta(days=days) for days in DAYS)
_LEVERS: Final = (  # of two that stretch alike, the cheaper loss first
    _Lever("unlocks", "sweep", _DAILY, "unlocks that were taken back are noticed later"),
    _Lever("distribution", "at_most", _DAILY, "what no counter tells of is noticed later"),
    _Lever("distribution", "every", _HOURLY, "fewer instants of the distribution"),
    _Lever("game-tickets", "recheck", _DAILY, "tickets that were closed are noticed later"),
    _Lever("developer-tickets", "every", _HOURLY, "fewer instants of developers' tickets"),
    _Lever("game-tickets", "every", _HOURLY, "new tickets are noticed later"),
    _Lever("progress", "every", _HOURLY, "fewer instants of counters and progress"),
    _Lever("game-tickets", "detail", (False,), "no states of tickets", is_final=True),
    _Lever("unlocks", "mode", ("recent", "off"), "no past unlocks", is_final=True),
)


_LAST_RESORT: Final = Remedy(
    "fewer games and players under [watch]", None, "what is no longer watched"
)


def remedies(bill: Bill) -> list[Remedy]:
    """List what would make a bill fit, the cheapest loss first. O(steps * polls)."""
    if bill.is_fitting:
        return []
    found = sorted([*_higher_limits(bill), *_looser_jobs(bill)], key=lambda one: one.stretch)
    return found or [_LAST_RESORT]


def _higher_limits(bill: Bill) -> Iterator[Remedy]:
    """Raise the limits that are in the way; nothing is lost but RA's ease."""
    need, api = bill.requests * ROOM, bill.settings.api
    pace = max(api.requests_per_second, _rounded_up(need / A_DAY, 0.1))
    budget = max(api.daily_budget, int(_rounded_up(need, 100)))
    raised = []
    if need > api.requests_per_second * A_DAY:
        raised.append(f"requests_per_second = {pace:g}")
    if api.daily_budget and need > api.daily_budget:
        raised.append(f"daily_budget = {budget}")
    if pace <= max(BEARABLE, api.requests_per_second):
        yield Remedy(f"{' and '.join(raised)} under [api]", None, "nothing; RA is asked more")


def _rounded_up(number: float, step: float) -> float:
    return ceil(number / step) * step


def _looser_jobs(bill: Bill) -> Iterator[Remedy]:
    for lever in _LEVERS:
        if bill.requests - _of(bill, lever.job) <= bill.limits.per_day:  # else it cannot be enough
            yield from islice(_turned(bill, lever), 1)


def _turned(bill: Bill, lever: _Lever) -> Iterator[Remedy]:
    """Turn a lever step by step; yield the steps with which all fits."""
    for step in lever.steps:
        other = _with(bill, lever, step)
        if other.is_fitting:
            setting = f"{lever.key} = {_toml(step)} under [jobs.{lever.job}]"
            before, after = _of(bill, lever.job), _of(other, lever.job)
            stretch = inf if lever.is_final or not after else before / after
            yield Remedy(setting, before - after, lever.loss, stretch)


def _of(bill: Bill, job: str) -> float:
    return sum(line.requests for line in bill.lines if line.job == job)


def _with(bill: Bill, lever: _Lever, step: object) -> Bill:
    """Draw up the bill with one key of one job changed; the other jobs' lines stay."""
    settings = _changed(bill.settings, lever, step)
    others = [line for line in bill.lines if line.job != lever.job]
    own = forecast.lines(settings, bill.outlook, at=bill.at, jobs=[lever.job])
    limits = limits_of(settings, bill.limits.requests_today)
    return replace(bill, settings=settings, lines=[*others, *own], limits=limits)


def _changed(settings: Settings, lever: _Lever, step: object) -> Settings:
    name = lever.job.replace("-", "_")
    job = getattr(settings.jobs, name).model_copy(update={lever.key: step})
    return settings.model_copy(update={"jobs": settings.jobs.model_copy(update={name: job})})


def _toml(value: object) -> str:
    """Write a value as it stands in config.toml."""
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            return f'"{readable(Every(int(value.total_seconds())))}"'
        case Every():
            return f'"{readable(value)}"'
    return f'"{value}"'
