"""Where an axis has its marks: at round numbers, and at what is round on a calendar.

Instants stay instants; only the places of the marks and their words belong to the time zone,
so that a day with 23 hours is as long as it was.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import count, takewhile
from math import ceil, floor, log10
from typing import Final, NamedTuple

Tick = tuple[datetime, str]

MOST: Final = 8
_HOURS: Final = (1, 2, 3, 6, 12)
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240)
_MONDAY: Final = date(1, 1, 1).toordinal()


class Numbers(NamedTuple):
    """A numeric axis: the marks, the first and last of which bound it."""

    marks: list[float]
    form: str  # as d3-format writes them


def zone_name(zone: tzinfo) -> str:
    """Name a zone as people do."""
    return "UTC" if zone is UTC else str(getattr(zone, "key", zone))


def times(since: datetime, until: datetime, zone: tzinfo) -> list[Tick]:
    """Tell the marks in [since, until] on the calendar of `zone`, `MOST` or fewer, with labels."""
    first, last = since.astimezone(zone), until.astimezone(zone)
    span = (until - since).total_seconds()
    for hours in _HOURS:
        if span <= MOST * hours * 3600:
            return _within(_hourly(first.date(), hours), since, until, zone)
    for days in _DAYS:
        if span <= MOST * days * 86400:
            return _within(_daily(first.date(), days), since, until, zone)
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next((own for own in _MONTHS if months <= MOST * own), 1200)
    return _within(_monthly(first.date(), step), since, until, zone)


def _within(
    marks: Iterator[tuple[datetime, str]], since: datetime, until: datetime, zone: tzinfo
) -> list[Tick]:
    """Keep the marks of the range; an hour that the clock leaves out has none."""
    instants = ((at.replace(tzinfo=zone).astimezone(UTC), label) for at, label in marks)
    near = takewhile(lambda tick: tick[0] <= until, instants)
    ticks = {at: label for at, label in near if at >= since}
    return list(ticks.items())


def _hourly(first: date, hours: int) -> Iterator[tuple[datetime, str]]:
    midnight = datetime.combine(first, time())
    for number in count():
        at = midnight + timedelta(hours=number * hours)
        yield at, f"{at:%H:%M}" if at.hour else _day(at)


def _daily(first: date, days: int) -> Iterator[tuple[datetime, str]]:
    """Count weeks from a Monday, so that the marks do not depend on where the range begins."""
    begin = first.toordinal()
    begin -= (begin - _MONDAY) % days
    for number in count():
        at = datetime.combine(date.fromordinal(begin + number * days), time())
        yield at, _day(at)


def _monthly(first: date, months: int) -> Iterator[tuple[datetime, str]]:
    begin = (first.year * 12 + first.month - 1) // months * months
    for number in count():
        month = begin + number * months
        at = datetime(month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - its zone comes later
        yield at, f"{at:%Y}" if at.month == 1 else f"{at:%b}"


def _day(at: datetime) -> str:
    return f"{at:%b} {at.day}"


def numbers(low: float, high: float, *, is_share: bool, most: int = 5) -> Numbers:
    """Tell round marks that enclose [low, high]: 1, 2 or 5 times a power of ten apart."""
    step = _step((high - low) / most or (0.01 if is_share else 1), is_share=is_share)
    begin, end = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    marks = [round(number * step, 10) for number in range(begin, max(end, begin + 1) + 1)]
    decimals = max(0, ceil(-log10(step) - 2 - 1e-9)) if is_share else max(0, -floor(log10(step)))
    return Numbers(marks, f".{decimals}%" if is_share else f",.{decimals}f")


def _step(least: float, *, is_share: bool) -> float:
    """Return the next round number; what is counted has no halves."""
    power = 10.0 ** floor(log10(least))
    step = next(power * own for own in (1, 2, 5, 10) if power * own >= least * (1 - 1e-9))
    return step if is_share else max(step, 1.0)
