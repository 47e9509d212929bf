"""What all pictures over time have in common: axes, holes, notes, and names at the right.

Every layer brings its own few rows, made here; nothing is computed by what shows the picture,
but for the labels of the time axis, which are looked up.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Protocol

import altair as alt

from harvester import wording
from harvester.charts import ticks
from harvester.charts.brevity import short
from harvester.charts.curves import Curve
from harvester.charts.names import Name, labels
from harvester.charts.themes import DASHES, SHAPES, Theme

HEIGHT: Final = 260
WIDTH: Final = 720
_LINE: Final = 17  # pixels that a name at the right takes
_LONGEST: Final = 24  # columns of a name at the right
_ALONG_RULE: Final = 42  # columns of words along a rule
_MOST_WORDS: Final = 4  # notes told in words above a picture
_CLOSE: Final = 0.03  # of the width: labels of notes nearer than this share one
_ALONG: Final[dict[str, Any]] = {  # how text runs along a rule
    "angle": 270, "align": "right", "fontSize": 11,
}  # fmt: skip
_LEFT: Final[dict[str, Any]] = {"baseline": "bottom", "dy": -3}  # of the rule
_RIGHT: Final[dict[str, Any]] = {"baseline": "top", "dy": 4}
Cell = tuple[datetime, datetime]


class Note(Protocol):
    """A remark that is dated; what it is about decides who asks for it."""

    @property
    def at(self) -> datetime:
        """Since when it holds."""

    @property
    def title(self) -> str:
        """What happened."""


@dataclass(frozen=True)
class Frame:
    """The time that is shown, whose clock its axis shows, and in which colours."""

    since: datetime
    until: datetime
    zone: tzinfo
    theme: Theme

    def x(self, field: str = "at") -> alt.X:
        """Place by an instant; the axis belongs to all layers."""
        marks = ticks.times(self.since, self.until, self.zone)
        words = ",".join(f"'{millis(at)}':'{label}'" for at, label in marks)
        axis = alt.Axis(
            values=[millis(at) for at, _ in marks],
            labelExpr=f"({{{words}}})[toString(datum.value)]",
            title=f"{self._years()}, time in {ticks.zone_name(self.zone)}",
            titleAnchor="end",
            grid=False,
            ticks=True,
            tickColor=self.theme.quiet,
            labelOverlap="greedy",
        )
        domain = [millis(self.since), millis(self.until)]
        return alt.X(
            f"{field}:Q", axis=axis, scale=alt.Scale(domain=domain, nice=False, zero=False)
        )

    def _years(self) -> str:
        first, last = (at.astimezone(self.zone).year for at in (self.since, self.until))
        return f"{first}" if first == last else f"{first} to {last}"

    def when(self, at: datetime) -> str:
        """Write an instant as the clock of the zone shows it."""
        return wording.instant(at, self.zone)


def millis(at: datetime) -> int:
    """Write an instant as the specification holds it: milliseconds since 1970.

    As a number, not as a date: Vega-Lite makes expressions of dates, also where none may run.
    """
    return int(at.timestamp()) * 1000


def layer(rows: Sequence[Mapping[str, Any]], name: str) -> alt.Chart:
    """Begin a layer with its own rows."""
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]), name=name)


def y(field: str, axis: ticks.Numbers, unit: str) -> alt.Y:
    """Place by a number; the unit stands level above the axis."""
    shown = alt.Axis(
        values=axis.marks, format=axis.form, title=unit, titleAngle=0, titleAlign="left",
        titleAnchor="end", titleBaseline="bottom", titleX=0, titleY=-8,
    )  # fmt: skip
    domain = [axis.marks[0], axis.marks[-1]]
    return alt.Y(f"{field}:Q", axis=shown, scale=alt.Scale(domain=domain, nice=False, zero=False))


def periods(times: Sequence[datetime]) -> list[Cell]:
    """Tell the period that each time ends; the first is taken to be as long as the second."""
    length = times[1] - times[0] if len(times) > 1 else timedelta(days=1)
    return list(zip([times[0] - length, *times], times, strict=False))


def holes(frame: Frame, cells: Iterable[Cell]) -> Iterator[alt.Chart]:
    """Shade what was not observed, and say so where there is room."""
    bands = [(max(one, frame.since), other) for one, other in _merged(cells)]
    if not bands:
        return
    whole = frame.until - frame.since
    rows = [
        {"from": millis(one), "until": millis(other), "middle": millis(one + (other - one) / 2),
         "hole": "not observed" if other - one > whole * 0.16 else ""}
        for one, other in bands
    ]  # fmt: skip
    yield (
        layer(rows, "holes")
        .mark_rect(color=frame.theme.hole)
        .encode(x=frame.x("from"), x2="until:Q", tooltip=alt.value("not observed"))
    )
    yield (
        layer([row for row in rows if row["hole"]], "holes_named")
        .mark_text(baseline="top", fontStyle="italic", color=frame.theme.quiet)
        .encode(x=frame.x("middle"), y=alt.value(6), text="hole:N")
    )


def _merged(cells: Iterable[Cell]) -> list[Cell]:
    merged: list[Cell] = []
    for since, until in sorted(cells):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        else:
            merged.append((since, until))
    return merged


def notes(frame: Frame, those: Iterable[Note]) -> Iterator[alt.Chart]:
    """Draw a rule where the data changes its meaning, with what happened written along it."""
    within = sorted((one for one in those if frame.since <= one.at <= frame.until), key=_dated)
    if not within:
        return
    rows = [
        {"at": millis(one.at), "note": short(one.title, 120), "when": frame.when(one.at)}
        for one in within
    ]
    told = ["when:N", "note:N"]
    yield (
        layer(rows, "notes")
        .mark_rule(strokeDash=[3, 3], color=frame.theme.ink, strokeWidth=1)
        .encode(x=frame.x(), tooltip=told)
    )
    named, edge = _named(frame, within), frame.since + (frame.until - frame.since) * _CLOSE * 2
    at_edge = [row for row in named if row["at"] < millis(edge)]
    yield from _along(frame, [row for row in named if row not in at_edge], _LEFT, "notes_named")
    yield from _along(frame, at_edge, _RIGHT, "notes_at_edge")


def between(those: Iterable[Note], since: datetime, until: datetime) -> list[str]:
    """Tell in words what happened between two times, for pictures without a time axis."""
    within = sorted((one for one in those if since <= one.at <= until), key=_dated)
    told = [f"since {one.at:%Y-%m-%d}: {short(one.title, 60)}" for one in within[:_MOST_WORDS]]
    left = len(within) - len(told)
    return [*told, *([f"{left} more notes"] if left else [])]


def _along(
    frame: Frame, rows: Sequence[Mapping[str, Any]], side: Mapping[str, Any], name: str
) -> Iterator[alt.Chart]:
    """Write along rules, on ground of its own so that lines behind do not disturb."""
    ground = layer(rows, f"{name}_ground").mark_text(
        **_ALONG, **side, stroke=frame.theme.ground, strokeWidth=4, opacity=0.85
    )
    text = layer(rows, name).mark_text(**_ALONG, **side)
    for own in (ground, text) if rows else ():
        yield own.encode(x=frame.x(), y=alt.value(4), text="note:N")


def _dated(note: Note) -> tuple[datetime, str]:
    return note.at, note.title


def _named(frame: Frame, those: Iterable[Note]) -> list[dict[str, Any]]:
    """Write what lies too close together in one line."""
    near = (frame.until - frame.since) * _CLOSE
    groups: list[list[Note]] = []
    for one in those:
        if groups and one.at - groups[-1][0].at < near:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [
        {"at": millis(own[0].at), "note": short(" + ".join(one.title for one in own), _ALONG_RULE)}
        for own in groups
    ]


def names_right(frame: Frame, curves: Sequence[Curve], ends: Sequence[float]) -> list[alt.Chart]:
    """Write the name of each series at the height of its end, with its sign, none over another."""
    rows = named_rows([(curve.place, curve.name) for curve in curves], ends)
    signed = layer(rows, "names_signs").mark_point(xOffset=14, filled=True, size=50, opacity=1)
    return [at_right(signed).encode(**signs(frame.theme, curves)), words_right(rows)]


def named_rows(names: Sequence[tuple[int, Name]], ends: Sequence[float]) -> list[dict[str, Any]]:
    """Find a place for each name, near the end of its series (pixels from the top)."""
    brief = labels([name for _, name in names], _LONGEST)
    return [
        {"key": key, "series": name.words, "name": words, "place": place}
        for (key, name), words, place in zip(names, brief, spread(ends), strict=True)
    ]


def rows(curves: Sequence[Curve]) -> alt.Y:
    """Give each series a row of its own, in this order, with room for its name."""
    scale = alt.Scale(type="band", domain=[curve.place for curve in curves], paddingInner=0.12)
    return alt.Y("key:N", scale=scale, sort=None, axis=None)


def names_left(curves: Sequence[Curve], y: alt.Y, most: int) -> alt.Chart:
    """Write the name of each series to the left of its row, `most` columns of it."""
    brief = labels([curve.name for curve in curves], most)
    told = [
        {"key": curve.place, "series": curve.name.words, "name": words}
        for curve, words in zip(curves, brief, strict=True)
    ]
    text = layer(told, "names").mark_text(align="right", baseline="middle", xOffset=-8)
    written: alt.Chart = text.encode(x=alt.value(0), y=y, text="name:N", tooltip="series:N")
    return written


def at_right(marks: alt.Chart) -> alt.Chart:
    """Place marks to the right of everything."""
    return marks.encode(x=alt.value("width"), y=alt.Y("place:Q", scale=None))


def words_right(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """Write names to the right of everything."""
    text = layer(rows, "names").mark_text(align="left", baseline="middle", xOffset=24)
    return at_right(text).encode(text="name:N")


def spread(places: Sequence[float]) -> list[float]:
    """Move places (pixels from the top) apart so that a line of text fits between."""
    order = sorted(range(len(places)), key=lambda own: places[own])
    moved: dict[int, float] = {}
    least = 0.0
    for own in order:
        moved[own] = max(places[own], least)
        least = moved[own] + _LINE
    most = float(HEIGHT)
    for own in reversed(order):
        moved[own] = min(moved[own], most)
        most = moved[own] - _LINE
    return [moved[own] for own in range(len(places))]


def signs(theme: Theme, curves: Sequence[Curve]) -> dict[str, Any]:
    """Tell series apart by colour and shape."""
    keys = [curve.place for curve in curves]
    colours, shapes = ([own[curve.place] for curve in curves] for own in (theme.series, SHAPES))
    return {
        "color": alt.Color("key:N", scale=alt.Scale(domain=keys, range=colours), legend=None),
        "shape": alt.Shape("key:N", scale=alt.Scale(domain=keys, range=shapes), legend=None),
    }


def dashes(curves: Sequence[Curve]) -> alt.StrokeDash:
    """Tell lines apart by their dashes."""
    keys, forms = [own.place for own in curves], [list(DASHES[own.place]) for own in curves]
    return alt.StrokeDash("key:N", scale=alt.Scale(domain=keys, range=forms), legend=None)
