"""State series: a value holds until another is seen, so its line goes in steps.

Where a value is None the line breaks; where nothing was observed of any, the time up to the next
that was is shaded. An achievement outside of its set was looked for, and has neither.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import altair as alt

from harvester.charts import layers, ticks
from harvester.charts.curves import Curve
from harvester.charts.layers import HEIGHT, Cell, Frame

_SIGNS: Final = 6  # shapes along a line, about
_NEAR_ZERO: Final = 0.6  # an axis begins at 0 unless all lies above this share of the highest


def drawn(frame: Frame, curves: Sequence[Curve], unit: str) -> list[alt.Chart]:
    """Draw the layers of these series, and their names at the right."""
    axis = axis_of(curves, unit)
    y = layers.y("value", axis, unit)
    rows = [row for curve in curves for row in _rows(frame, curve)]
    signs = layers.signs(frame.theme, curves)
    told = [alt.Tooltip(f"{name}:N") for name in ("when", "series")]
    shown = [*told, alt.Tooltip("value:Q", title=unit, format=axis.form)]
    lines = (
        layers.layer(rows, "lines")
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=frame.x(),
            y=y,
            color=signs["color"],
            strokeDash=layers.dashes(curves),
            detail=["key:N", "series:N"],
        )
    )
    marks = (
        layers.layer([row for curve in curves for row in _signed(frame, curve)], "signs")
        .mark_point(filled=True, size=45, opacity=1)
        .encode(x=frame.x(), y=y, **signs, detail="series:N")  # said to whoever cannot see it
    )
    hover = (
        layers.layer([row for row in rows if row["value"] is not None], "hover")
        .mark_point(opacity=0, size=120, filled=True)
        .encode(x=frame.x(), y=y, tooltip=shown)
    )
    ends = [_pixels(axis, curve.last) for curve in curves]
    is_named = any(curve.name.words for curve in curves)
    named = layers.names_right(frame, curves, ends) if is_named else []
    return [*_bands(frame, curves, y), lines, marks, hover, *named]


def axis_of(curves: Sequence[Curve], unit: str, *, is_from_zero: bool = False) -> ticks.Numbers:
    """Bound the axis by what is shown, from 0 on unless that would flatten everything."""
    known = [value for own in curves for _, value in own.points if value is not None]
    known += [own[side] for own in _extremes(curves) for side in (0, 1)]
    low, high = min(known, default=0), max(known, default=1)
    is_from_zero = is_from_zero or low <= high * _NEAR_ZERO
    return ticks.numbers(0 if is_from_zero else low, high, is_share=unit.startswith("share"))


def _extremes(curves: Iterable[Curve]) -> list[tuple[float, float]]:
    return [own for curve in curves for row in curve.rows for own in _range(curve, row)]


def _range(curve: Curve, row: Any) -> Iterator[tuple[float, float]]:  # noqa: ANN401
    low, high = (row.get(f"{curve.value}_{end}") for end in ("min", "max"))
    if low is not None and high is not None and low < high:
        yield curve.scaled(low), curve.scaled(high)


def gaps(curves: Sequence[Curve]) -> list[Cell]:
    """Find when nothing was observed of any series: from what was to the next that was."""
    seen: dict[datetime, bool] = {}
    for curve in curves:
        for (at, value), row in zip(curve.points, curve.rows, strict=True):
            seen[at] = seen.get(at) or value is not None or bool(row.get("is_observed"))
    times = sorted(seen)
    known = [place for place, at in enumerate(times) if seen[at]] or [len(times) - 1]
    inner = [(one, other) for one, other in pairwise(known) if other - one > 1]
    ends = [(0, known[0]), (known[-1], len(times) - 1)]
    return [(times[one], times[other]) for one, other in [*inner, *ends] if one < other]


def _rows(frame: Frame, curve: Curve) -> list[dict[str, Any]]:
    return [_row(frame, curve, at, value) for at, value in curve.points]


def _row(frame: Frame, curve: Curve, at: datetime, value: float | None) -> dict[str, Any]:
    when = {"at": layers.millis(at), "when": frame.when(at)}
    return when | {"key": curve.place, "series": curve.name.words, "value": value}


def _signed(frame: Frame, curve: Curve) -> list[dict[str, Any]]:
    """Choose where the line gets its shape: now and then, at its end, and where it is a dot."""
    every = max(1, len(curve.points) // _SIGNS)
    known = [value is not None for _, value in curve.points]
    last = max((place for place, one in enumerate(known) if one), default=0)
    return [
        _row(frame, curve, at, value)
        for place, (at, value) in enumerate(curve.points)
        if value is not None
        and (place == last or (last - place) % every == 0 or _is_alone(known, place))
    ]


def _is_alone(known: Sequence[bool], place: int) -> bool:
    before = place > 0 and known[place - 1]
    after = place + 1 < len(known) and known[place + 1]
    return not before and not after


def _bands(frame: Frame, curves: Sequence[Curve], y: alt.Y) -> list[alt.Chart]:
    """Show between which values a series moved within each period."""
    rows = [row for curve in curves for row in _moved(curve)]
    if not rows:
        return []
    colour = layers.signs(frame.theme, curves)["color"]
    band = layers.layer(rows, "range").mark_rect(opacity=0.18)
    return [band.encode(x=frame.x("from"), x2="until:Q", y=y, y2="most:Q", color=colour)]


def _moved(curve: Curve) -> Iterator[dict[str, Any]]:
    cells = layers.periods([at for at, _ in curve.points])
    for (since, until), row in zip(cells, curve.rows, strict=True):
        for low, high in _range(curve, row):
            bounds = {"from": layers.millis(since), "until": layers.millis(until)}
            yield bounds | {"key": curve.place, "value": low, "most": high}


def _pixels(axis: ticks.Numbers, value: float) -> float:
    low, high = axis.marks[0], axis.marks[-1]
    return HEIGHT * (1 - (max(value, low) - low) / (high - low))
