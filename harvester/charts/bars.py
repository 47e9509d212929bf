"""Event series: one bar for what happened in each period, as wide as the period.

Up to four series stand side by side, told apart by their filling: full, pale with an edge,
empty, half. What was reconstructed from dates is paler than what was observed. A period that is
not known is shaded, so that it does not look like 0.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import altair as alt

from harvester.charts import layers, lines, ticks
from harvester.charts.curves import Curve
from harvester.charts.layers import Cell, Frame
from harvester.charts.names import Name, Row

MOST: Final = 4
OBSERVED: Final = "observed"
_PALE: Final = 0.6
_GAP: Final = 0.12  # of a period, between its bars and the next one's
FILLINGS: Final = (1.0, 0.28, 0.0, 0.6)


def drawn(frame: Frame, curves: Sequence[Curve], unit: str) -> list[alt.Chart]:
    """Draw the bars of these series, and their names at the right."""
    names, axis = [curve.name for curve in curves], lines.axis_of(curves, unit, is_from_zero=True)
    rows = [
        row for place, own in enumerate(curves) for row in _bars(frame, own, place, len(curves))
    ]
    told = [alt.Tooltip(f"{name}:N") for name in ("when", "series", "basis")]
    bars = (
        layers.layer(rows, "bars")
        .mark_rect(strokeWidth=1)
        .encode(
            x=frame.x("from"), x2="until:Q", y=layers.y("value", axis, unit), y2=alt.Y2Datum(0),
            **fillings(frame, len(names)), opacity=alt.Opacity("sure:Q", scale=None),
            tooltip=[*told, alt.Tooltip("value:Q", title=unit)],
        )
    )  # fmt: skip
    named = names_of_bars(frame, names) if any(name.words for name in names) else []
    return [*[own for own in (bars,) if rows], *_floor(frame, axis, unit), *named]


def _floor(frame: Frame, axis: ticks.Numbers, unit: str) -> list[alt.Chart]:
    """Let a picture without any bar have its axes all the same."""
    rows = [{"at": layers.millis(frame.until), "value": 0}]
    none = layers.layer(rows, "floor").mark_point(opacity=0)
    return [none.encode(x=frame.x(), y=layers.y("value", axis, unit))]


def fillings(frame: Frame, count: int) -> dict[str, Any]:
    """Tell bars apart by colour and by how full they are."""
    colours = alt.Scale(domain=list(range(count)), range=list(frame.theme.series[:count]))
    return {
        "fill": alt.Fill("key:N", scale=colours, legend=None),
        "stroke": alt.Stroke("key:N", scale=colours, legend=None),
        "fillOpacity": alt.FillOpacity("full:Q", scale=None),
    }


def names_of_bars(frame: Frame, names: Sequence[Name]) -> list[alt.Chart]:
    """Write the names one below the other, each with a square filled as its bars."""
    rows = layers.named_rows(list(enumerate(names)), [8.0] * len(names))
    filled = [{**row, "full": full} for row, full in zip(rows, FILLINGS, strict=False)]
    squares = layers.layer(filled, "names_signs").mark_point(
        xOffset=14, shape="square", size=90, strokeWidth=1, opacity=1
    )
    return [
        layers.at_right(squares).encode(**fillings(frame, len(names))),
        layers.words_right(rows),
    ]


def gaps(curves: Sequence[Curve]) -> list[Cell]:
    """Tell the periods of which nothing is known."""
    known: dict[Cell, bool] = {}
    for curve in curves:
        for cell, (_, value) in zip(_periods(curve), curve.points, strict=True):
            known[cell] = known.get(cell, False) or value is not None
    return [cell for cell, is_known in known.items() if not is_known]


def _periods(curve: Curve) -> list[Cell]:
    return layers.periods([at for at, _ in curve.points])


def _bars(frame: Frame, curve: Curve, place: int, count: int) -> Iterator[dict[str, Any]]:
    for cell, (at, value), row in zip(_periods(curve), curve.points, curve.rows, strict=True):
        if value is not None:
            since, until = _part(cell, place, count)
            yield {
                "from": layers.millis(since), "until": layers.millis(until), "key": place,
                "series": curve.name.words, "value": value, "at": layers.millis(at),
                "when": f"until {frame.when(at)}", "full": FILLINGS[place], **_basis(row),
            }  # fmt: skip


def _basis(row: Row) -> dict[str, Any]:
    basis = row.get("basis") or OBSERVED
    return {"basis": basis, "sure": 1.0 if basis == OBSERVED else _PALE}


def _part(cell: Cell, place: int, count: int) -> Cell:
    """Cut the part of one series out of a period."""
    whole: timedelta = cell[1] - cell[0]
    part = whole * (1 - _GAP) / count
    since = cell[0] + whole * (_GAP / 2) + part * place
    return since, since + part
