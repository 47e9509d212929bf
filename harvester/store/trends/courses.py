"""How values went: steps of the history, and the time for which they are known -> rows.

A *course* tells what held at any instant. A period shows what held at its end, or nothing where
nobody had looked; on request also the least and the most that was seen within it, and the
change since the point that was seen before.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from harvester.store.series import Span, Stretch, sample
from harvester.store.subjects import Label
from harvester.store.trends.asking import Curve, Question, Spans, Told, Values, by_period
from harvester.store.trends.held import Steps
from harvester.store.trends.looked import Looks

DAY = timedelta(days=1)
Points = Sequence[Values | None]


def _itself(values: Values | None) -> Values | None:
    return values


@dataclass(frozen=True)
class Course:
    """The values of one label: steps of some keys, and what those come to together."""

    label: Label
    steps: Sequence[Steps]
    looks: Looks
    combine: Callable[..., Values | None] = _itself

    def at(self, instants: Sequence[datetime]) -> Points:
        """Tell what held at each instant; None where nobody had looked, or nothing held."""
        return self.where(is_seen(self.looks, instants), instants)

    def where(self, seen: Sequence[bool], instants: Sequence[datetime]) -> Points:
        """Tell what held at those of the instants that were seen."""
        held = [sample(own, instants) for own in self.steps]
        if self.combine is _itself and all(seen):
            return held[0]
        told = zip(zip(*held, strict=True), seen, strict=True)
        return [self.combine(*those) if is_known else None for those, is_known in told]

    def turns(self) -> set[datetime]:
        """Tell when something began or ceased to hold, or began to be known."""
        bounds = {at for own in self.steps for step in own for at in step[:2] if at is not None}
        return bounds | {look.since for look in self.looks}


def is_seen(looks: Looks, instants: Sequence[datetime]) -> list[bool]:
    """Tell for each instant whether it was looked at, so that what held then is known."""
    seen: list[Stretch[bool]] = [(*look, True) for look in looks]
    return [bool(one) for one in sample(seen, instants)]


def told(courses: Callable[[Question], Iterable[Course]], numbers: Sequence[str]) -> Told:
    """Make a trend's rows out of its courses."""

    def curves(question: Question) -> Iterator[Curve]:
        return (
            (course.label, list(_periods(question, course, numbers)))
            for course in courses(question)
        )

    return by_period(curves)


def _periods(
    question: Question, course: Course, numbers: Sequence[str]
) -> Iterable[Sequence[Values]]:
    """Tell the one row of each period."""
    seen = is_seen(course.looks, question.ends)
    points = course.where(seen, question.ends)
    beside: list[Iterator[Values]] = []
    beside += [_ranges(course, question.spans, numbers)] if question.is_range else []
    beside += [_changes(points, question.ends, numbers)] if question.is_delta else []
    return _together(_marked(points, seen), beside) if beside else _marked(points, seen)


def _marked(points: Points, seen: Sequence[bool]) -> Iterator[Sequence[Values]]:
    """Add whether anybody had looked; what stays the same is put together once."""
    before: tuple[Values | None, bool] | None = None
    told: Sequence[Values] = ()
    for now in zip(points, seen, strict=True):
        if before is None or now[0] is not before[0] or now[1] is not before[1]:
            before, told = now, ({**(now[0] or {}), "is_observed": now[1]},)
        yield told


def _together(
    told: Iterable[Sequence[Values]], beside: Sequence[Iterator[Values]]
) -> Iterator[Sequence[Values]]:
    for own, *more in zip(told, *beside, strict=True):
        yield ({key: one for values in (*own, *more) for key, one in values.items()},)


def _ranges(course: Course, spans: Spans, numbers: Sequence[str]) -> Iterator[Values]:
    """Tell the least and the most of what was seen in each period, its bounds included."""
    within = {at for at in course.turns() if spans[0].since <= at <= spans[-1].until}
    instants = sorted(within.union(*spans))
    points = course.at(instants)
    for span in spans:
        some = points[bisect_left(instants, span.since) : bisect_right(instants, span.until)]
        yield {name: value for number in numbers for name, value in _extremes(number, some)}


def _extremes(name: str, points: Points) -> Iterator[tuple[str, Any]]:
    seen = [values[name] for values in points if values and values.get(name) is not None]
    yield f"{name}_min", min(seen, default=None)
    yield f"{name}_max", max(seen, default=None)


def _changes(points: Points, ends: Sequence[datetime], numbers: Sequence[str]) -> Iterator[Values]:
    """Tell the change of each number since it was seen before, and how much that is in a day."""
    before: dict[str, tuple[datetime, Any]] = {}
    for at, values in zip(ends, points, strict=True):
        own = {name: (values or {}).get(name) for name in numbers}
        yield {key: one for name in numbers for key, one in _change(name, at, own, before)}
        before |= {name: (at, value) for name, value in own.items() if value is not None}


def _change(
    name: str, at: datetime, own: Values, before: dict[str, tuple[datetime, Any]]
) -> Iterator[tuple[str, Any]]:
    since, value = before.get(name, (at, None))
    change = None if value is None or own[name] is None else own[name] - value
    yield f"{name}_change", change
    yield f"{name}_per_day", None if change is None else change / ((at - since) / DAY)


def clipped(steps: Steps, span: Span) -> Steps:
    """Keep what held within a span."""
    return [
        (max(since, span.since), min(until or span.until, span.until), value)
        for since, until, value in steps
        if since < span.until and (until is None or until > span.since)
    ]
