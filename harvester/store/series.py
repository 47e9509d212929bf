"""Time cut into calendar periods, and what held at an instant. Pure.

Periods are aligned to the calendar of a time zone: weeks begin on Monday, months on the first,
and longer ones ("6h", "2d", "3mo") are counted from midnight of Monday, January 1 of the year
1, so that the same period always has the same bounds, whatever range is asked for. Where clocks
are changed, a day has 23 or 25 hours; a bound that the clock skips lies where it skips it, and
of one that it shows twice the first counts. Only single hours stay hours: they begin both times.

Instants are aware and in UTC, whatever the zone.
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
Stretch: TypeAlias = tuple[datetime, datetime | None, T]  # [from, to) with a value; None: still so

EVERY = 'a number and h, d, w or mo such as "6h", "1d" or "3mo"'
INSTANT = 'a date such as "2026-03-01", a time such as "2026-03-01 12:00", "30d" (ago) or "now"'
MOST_PERIODS = 100_000

_EPOCH = datetime(1, 1, 1)  # noqa: DTZ001 - a Monday, in whatever zone
_HOUR = timedelta(hours=1)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LENGTH = re.compile(r"([1-9][0-9]{0,4})(h|d|w|mo)")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


class Span(NamedTuple):
    """A stretch of time, half-open: [since, until)."""

    since: datetime
    until: datetime


EVER = Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Period:
    """A length of time on the calendar: so many months, or else a fixed length."""

    months: int = 0
    length: timedelta = timedelta(0)

    def after(self, at: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the first bound after `at`; `OverflowError` or `ValueError` past year 9999."""
        wall = _wall(at, zone)
        if self.length == _HOUR and (again := _second(wall, zone)) > at:
            return again
        bound = self._next(wall)
        while (found := _instant_of(bound, zone)) <= at:
            bound = self._next(bound)
        return found

    def _next(self, wall: datetime) -> datetime:
        """Return the first bound after what a clock on the wall shows."""
        if self.months:
            number = wall.year * 12 + wall.month - 1
            return _month(number // self.months * self.months + self.months)
        return _EPOCH + ((wall - _EPOCH) // self.length + 1) * self.length

    def before(self, at: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the instant one period earlier; the last of a month where its day is missing.

        Raises `OverflowError` or `ValueError` before year 1.
        """
        if not self.months:
            return at - self.length
        wall = _wall(at, zone)
        month = _month(wall.year * 12 + wall.month - 1 - self.months)
        day = min(wall.day, monthrange(month.year, month.month)[1])
        return _instant_of(wall.replace(year=month.year, month=month.month, day=day), zone)


def _wall(at: datetime, zone: tzinfo) -> datetime:
    """Tell what a clock on the wall shows, without its zone."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """Tell when a clock shows this for the first time; what it skips, just as late."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _second(wall: datetime, zone: tzinfo) -> datetime:
    """Tell when the present hour began for the second time, where the clock shows it twice."""
    hour = wall.replace(minute=0, second=0, microsecond=0, fold=1)
    return hour.replace(tzinfo=zone).astimezone(UTC)


def _month(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1)  # noqa: DTZ001 - as the epoch


def parse_every(text: str) -> Period:
    """Read the length of a period such as "1h", "1d", "1w" or "1mo"; else `ValueError`."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"must be {EVERY}")
    count, unit = int(match[1]), match[2]
    return Period(months=count) if unit == "mo" else Period(length=count * _UNITS[unit])


def parse_instant(text: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read a date, a time (of `zone` unless it brings its offset), an age such as "30d", or "now".

    Raises `ValueError` for anything else, and outside the years 1970 to 2099.
    """
    try:
        at = _instant(text.strip(), now, zone)
        is_possible = _EARLIEST <= at < _LATEST
    except (ValueError, OverflowError):
        raise ValueError(f"must be {INSTANT}") from None
    if not is_possible:
        raise ValueError("must lie between 1970 and 2099")
    return at


def _instant(text: str, now: datetime, zone: tzinfo) -> datetime:
    if text.lower() == "now":
        return now
    if _LENGTH.fullmatch(text.lower()):
        return parse_every(text).before(now, zone)
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or zone).astimezone(UTC)


def periods(since: datetime, until: datetime, every: Period, zone: tzinfo = UTC) -> list[Span]:
    """Cut [since, until) at the bounds of the calendar; the first and last may be shorter.

    Raises `ValueError` where nothing lies between, or more than `MOST_PERIODS` periods do.
    """
    if since >= until:
        raise ValueError(f"nothing lies between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M}")
    spans: list[Span] = []
    start = since
    while start < until:
        if len(spans) == MOST_PERIODS:
            raise ValueError(f"more than {MOST_PERIODS:,} periods: choose longer or fewer ones")
        spans.append(Span(start, min(every.after(start, zone), until)))
        start = spans[-1].until
    return spans


def sample(rows: Iterable[Stretch[T]], instants: Sequence[datetime]) -> list[T | None]:
    """Tell the value held at each instant; None where no row holds.

    `rows` of one key do not overlap; the instants are in the order of time.
    O(rows · log instants + instants).
    """
    held: list[T | None] = [None] * len(instants)
    for since, until, value in rows:
        first = bisect_left(instants, since)
        end = len(instants) if until is None else bisect_left(instants, until)
        if first < end:
            held[first:end] = [value] * (end - first)
    return held


def joined(spans: Iterable[Span]) -> list[Span]:
    """Put spans in order, those that touch or overlap made one."""
    whole: list[Span] = []
    for span in sorted(spans):
        if whole and span.since <= whole[-1].until:
            whole[-1] = Span(whole[-1].since, max(whole[-1].until, span.until))
        elif span.since < span.until:
            whole.append(span)
    return whole


def common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Tell the time that lies in spans of both; each are in order and apart. O(some + others)."""
    found, mine, its = [], iter(some), iter(others)
    one, other = next(mine, None), next(its, None)
    while one and other:
        span = Span(max(one.since, other.since), min(one.until, other.until))
        found += [span] if span.since < span.until else []
        if one.until <= other.until:
            one = next(mine, None)
        else:
            other = next(its, None)
    return found


def without(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Tell the time of some spans that lies in none of the others; each in order and apart."""
    if not others:
        return list(some)
    edges = [Span(EVER.since, EVER.since), *others, Span(EVER.until, EVER.until)]
    between = [Span(one.until, other.since) for one, other in pairwise(edges)]
    return common(some, [span for span in between if span.since < span.until])
