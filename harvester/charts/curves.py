"""Rows of an answer -> named series, few enough to be told apart. Pure.

Names are made of titles, which strangers write: they become one short line each.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from harvester.charts.themes import MOST_SERIES
from harvester.text import one_line

Row: TypeAlias = Mapping[str, Any]
Point: TypeAlias = tuple[datetime, float | None]

LABELS: Final = ("game", "achievement", "user", "developer", "is_promoted", "is_hardcore")
_IDS: Final = ("game_id", "achievement_id", "user_id")
_WORDS: Final = {
    ("is_promoted", True): "official",
    ("is_promoted", False): "unofficial",
    ("is_hardcore", True): "hardcore",
    ("is_hardcore", False): "casual",
}
_VALUES: Final = {
    "unlocks": "any mode", "unlocks_hardcore": "hardcore",
    "rarity": "any mode", "rarity_hardcore": "hardcore",
    "completion": "any mode", "completion_hardcore": "hardcore",
}  # fmt: skip
_HOUR: Final = 3600
LONGEST_NAME: Final = 60
_DOT: Final = " · "
_HEAD: Final = 8  # characters


@dataclass(frozen=True)
class Curve:
    """A series to draw: what it is called, and a value or None for each time."""

    name: str
    value: str
    points: Sequence[Point]
    rows: Sequence[Row]
    place: int = 0  # in the order of colours, dashes and shapes

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


def _curve(subject: str, rows: Sequence[Row], value: str, place: int | None) -> Curve:
    name = subject if place is None else _DOT.join(filter(None, (subject, _worded(value))))
    return Curve(name, value, _points(rows, value), rows, place or 0)


def _ranked(curves: Iterable[Curve], most: int | None, *, is_event: bool) -> list[Curve]:
    """Give the first colours to those at the top; a value of its own keeps its colour."""
    ranked = sorted(curves, key=lambda own: -(own.total if is_event else own.last))[:most]
    return [replace(own, place=place) for place, own in enumerate(ranked)]


def _others(count: int) -> str:
    return f"{count} others not shown" if count > 1 else "1 other not shown" * count


def subjects_of(rows: Iterable[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """Sort rows by what they are about; in each the order of time stays."""
    subjects: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row.get(name) for name in (*_IDS, *LABELS))
        subjects.setdefault(key, []).append(row)
    return subjects


def named(subjects: Collection[tuple[Any, ...]]) -> tuple[str, dict[tuple[Any, ...], str]]:
    """Tell what all subjects have in common, and for each what sets it apart."""
    if not subjects:
        return "", {}
    places = range(len(_IDS), len(_IDS) + len(LABELS))
    differing = [place for place in places if len({key[place] for key in subjects}) > 1]
    about = _told(next(iter(subjects)), [place for place in places if place not in differing])
    names = {key: _told(key, differing) for key in subjects}
    return about, {key: _unlike(key, name, names) for key, name in names.items()}


def _told(key: tuple[Any, ...], places: Iterable[int]) -> str:
    parts = [_word(LABELS[place - len(_IDS)], key[place]) for place in places]
    return short(_DOT.join(part for part in parts if part))


def _word(label: str, value: Any) -> str:  # noqa: ANN401 - whatever a row holds
    if (label, value) == ("is_promoted", True):
        return ""
    return _WORDS.get((label, value)) or one_line(str(value or ""))


def _unlike(key: tuple[Any, ...], name: str, names: Mapping[tuple[Any, ...], str]) -> str:
    """Add the id where two subjects bear the same name."""
    if name and sum(name == other for other in names.values()) == 1:
        return name
    own = next((str(part) for part in reversed(key[: len(_IDS)]) if part is not None), "")
    return f"{name} ({own})".strip() if len(names) > 1 and own else name


def short(text: str, most: int = LONGEST_NAME) -> str:
    """Return `text` on one line of at most `most` characters."""
    line = one_line(text).strip()
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def fitted(name: str, most: int) -> str:
    """Return a name of at most `most` characters; what sets it apart, its last part, comes first.

    Of the game before it, a few letters stay.
    """
    head, dot, last = name.rpartition(_DOT)
    if len(name) <= most or not dot:
        return short(name, most)
    own = short(last, most - _HEAD - len(dot))
    return f"{short(head, most - len(own) - len(dot))}{dot}{own}"


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
    return (others, [own.name for own in zero]) if others else (curves, [])
