"""Rows of an answer -> named series, few enough to be told apart. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from harvester.charts.names import DOT, Name, Row, named, subjects_of
from harvester.charts.themes import MOST_SERIES

Point: TypeAlias = tuple[datetime, float | None]

_VALUES: Final = {
    "unlocks": "any mode", "unlocks_hardcore": "hardcore",
    "rarity": "any mode", "rarity_hardcore": "hardcore",
    "completion": "any mode", "completion_hardcore": "hardcore",
}  # fmt: skip
_HOUR: Final = 3600


@dataclass(frozen=True)
class Curve:
    """A series to draw: what it is called, and a value or None for each time."""

    name: Name
    value: str
    points: Sequence[Point]
    rows: Sequence[Row]
    place: int = 0  # in the order of colours, dashes and shapes: its own among those drawn

    @property
    def total(self) -> float:
        """All that is known of it together."""
        return sum(value for _, value in self.points if value is not None)

    @property
    def last(self) -> float:
        """The newest value that is known; below all others if none is."""
        return next((value for _, value in reversed(self.points) if value is not None), -1.0)

    def scaled(self, value: float) -> float:
        """Turn a value of a row into the unit of the axis."""
        return value / _HOUR if self.value.endswith("_seconds") else value


@dataclass(frozen=True)
class Chosen:
    """The series that are drawn, what all of them are about, and words on the others."""

    curves: Sequence[Curve]
    about: str
    remarks: Sequence[str]


def chosen(
    rows: Iterable[Row],
    values: Sequence[str],
    most: int | None = MOST_SERIES,
    *,
    is_event: bool = False,
) -> Chosen:
    """Make a series of each value of each subject, and keep those that can be told apart.

    Of several subjects only the foremost value is drawn that is known of any. Those with the
    highest newest values are kept, of events those with the highest total. What is always 0,
    beside others, is only named.
    """
    subjects = subjects_of(rows)
    about, names = named(subjects)
    known = [value for value in values if _is_known(value, subjects.values())]
    told = known[:1] if len(subjects) > 1 else known
    curves = [
        _curve(names[key], own, value, values.index(value) if len(told) > 1 else None)
        for key, own in subjects.items()
        for value in told or values[:1]
    ]
    kept, zero = _without_zeros(curves)
    ranked = kept if len(told) > 1 else _ranked(kept, most, is_event=is_event)
    remarks = [_others(len(kept) - len(ranked)), f"always 0: {', '.join(zero)}" if zero else ""]
    what = _worded(told[0]) if len(told) == 1 and len(subjects) > 1 else ""
    shown = [what if what and len(values) > 1 else "", *remarks]
    return Chosen(ranked, about, [remark for remark in shown if remark])


def _curve(subject: Name, rows: Sequence[Row], value: str, place: int | None) -> Curve:
    parts = (subject.words, "" if place is None else _worded(value))
    name = Name(DOT.join(filter(None, parts)), subject.ids)
    return Curve(name, value, _points(rows, value), rows, place or 0)


def _ranked(curves: Iterable[Curve], most: int | None, *, is_event: bool) -> list[Curve]:
    """Give the first colours to those at the top; a value of its own keeps its colour."""
    ranked = sorted(curves, key=lambda own: -(own.total if is_event else own.last))[:most]
    return [replace(own, place=place) for place, own in enumerate(ranked)]


def _others(count: int) -> str:
    return f"{count} others not shown" if count > 1 else "1 other not shown" * count


def _worded(value: str) -> str:
    return _VALUES.get(value, value.replace("_", " ").removesuffix(" seconds"))


def _is_known(value: str, subjects: Iterable[Sequence[Row]]) -> bool:
    return any(row.get(value) is not None for own in subjects for row in own)


def _points(rows: Iterable[Row], value: str) -> list[Point]:
    return [(row["time"], _number(row.get(value), value)) for row in rows]


def _number(value: Any, name: str) -> float | None:  # noqa: ANN401 - whatever a row holds
    if value is None or isinstance(value, str | datetime):
        return None
    return value / _HOUR if name.endswith("_seconds") else value  # type: ignore[no-any-return]


def _without_zeros(curves: Sequence[Curve]) -> tuple[Sequence[Curve], list[str]]:
    """Set apart what was 0 all the time, unless that is all there is."""
    zero = [own for own in curves if {value for _, value in own.points} - {None} == {0}]
    others = [own for own in curves if own not in zero]
    return (others, [own.name.words for own in zero]) if others else (curves, [])
