"""Event series that are too many for bars: a row each, a cell for each period, darker for more.

On dark ground it is brighter for more. A cell that is not known has the colour of a hole and
a dotted line through it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import altair as alt

from harvester.charts import layers
from harvester.charts.curves import Curve, short
from harvester.charts.layers import Frame

MOST: Final = 20
ROW: Final = 19  # pixels


def drawn(frame: Frame, curves: Sequence[Curve], unit: str) -> list[alt.Chart]:
    """Draw the cells of these series, in this order."""
    rows = [row for curve in curves for row in _cells(frame, curve)]
    y = alt.Y(
        "name:N", scale=alt.Scale(domain=_names(curves), paddingInner=0.12), sort=None,
        axis=alt.Axis(title=None, labelLimit=200, labelColor=frame.theme.ink),
    )  # fmt: skip
    most = max((row["value"] for row in rows if row["value"] is not None), default=1)
    colour = alt.Color(
        "value:Q",
        scale=alt.Scale(type="sqrt", domain=[0, max(most, 1)], range=list(frame.theme.heat)),
        legend=alt.Legend(
            title=unit, orient="top", direction="horizontal", gradientLength=140, tickMinStep=1,
            titleOrient="left", gradientThickness=10, format=",.0f", offset=4,
        ),
    )  # fmt: skip
    told = [alt.Tooltip(f"{one}:N") for one in ("when", "series", "value")]
    known = layers.layer([row for row in rows if row["value"] is not None], "cells")
    gaps = [row for row in rows if row["value"] is None]
    where = {"x": frame.x("from"), "x2": alt.X2("until:Q"), "y": y}
    return [
        layers.layer(gaps, "holes").mark_rect(color=frame.theme.hole).encode(**where),
        layers.layer(gaps, "holes_struck")
        .mark_rule(color=frame.theme.quiet, strokeDash=[1, 3])
        .encode(**where),
        known.mark_rect().encode(**where, color=colour, tooltip=told),
    ]


def _names(curves: Sequence[Curve]) -> list[str]:
    return [short(curve.name, 34) for curve in curves]


def _cells(frame: Frame, curve: Curve) -> Iterator[dict[str, Any]]:
    cells = layers.periods([at for at, _ in curve.points])
    for (since, until), (_, value) in zip(cells, curve.points, strict=True):
        yield {
            "from": layers.millis(since), "until": layers.millis(until), "value": value,
            "series": curve.name, "name": short(curve.name, 34),
            "when": f"until {frame.when(until)}",
        }  # fmt: skip
