"""What the numbers of a trend were when a range began, and what they are at its end.

The very definition of `top`: a number counts from the beginning on, or from when it was first
known where that is later, for what was first seen did not come from nothing. Periods have no
part in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from harvester.store.series import Span
from harvester.store.trends.asking import Question, Row, Values
from harvester.store.trends.courses import Course, Points
from harvester.store.trends.looked import SECOND


class Ends(NamedTuple):
    """A number at both ends of a range; None where it is not known."""

    before: Any = None
    after: Any = None

    @property
    def change(self) -> Any:  # noqa: ANN401 - a number of whatever kind
        """By how much it changed; None where that is not known."""
        return None if None in self else self.after - self.before


def ends(question: Question, courses: Iterable[Course], names: Sequence[str]) -> Iterator[Row]:
    """Tell for each label `Ends` by name, empty ones where nobody looked in the range.

    `from_at` and `to_at` are when it was known first and last in the range. What is a label is
    no number.
    """
    span = Span(question.since, question.until)
    for course in courses:
        seen = _seen(course, span)
        told = _ends(course, Span(span.since, seen.until), names) if seen else {}
        times = {"from_at": seen and seen.since, "to_at": seen and seen.until}
        yield {**dict.fromkeys(names, Ends()), **told, **course.label, **times}


def _seen(course: Course, span: Span) -> Span | None:
    """Tell from when to when it was looked at within a span, holes or not."""
    looks = [look for look in course.looks if look.since <= span.until and look.until > span.since]
    if not looks:
        return None
    return Span(max(span.since, looks[0].since), min(span.until, looks[-1].until - SECOND))


def _ends(course: Course, span: Span, names: Sequence[str]) -> dict[str, Ends]:
    before, after = (dict(values or {}) for values in _held(course, span))
    late = [name for name in names if before.get(name) is None]
    before |= _first(course, span, late) if late else {}
    return {name: Ends(before.get(name), after.get(name)) for name in names}


def _first(course: Course, span: Span, names: Sequence[str]) -> Values:
    """Tell the first value of each name that was known in a span."""
    held = _held(course, sorted(at for at in course.turns() if span.since < at <= span.until))
    known = [(name, own[name]) for own in held[::-1] if own for name in names if name in own]
    return {name: value for name, value in known if value is not None}


def _held(course: Course, instants: Sequence[datetime]) -> Points:
    """Tell what held, also where nobody looked just then: nobody has seen it change."""
    return course.where([True] * len(instants), instants)
