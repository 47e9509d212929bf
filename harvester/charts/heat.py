"""Event series that are too many for bars: a row each, a cell for each period, darker for more.

On dark ground it is brighter for more. A cell that is not known has the colour of a hole and
a dotted line through it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import altair as alt

from harvester.charts import layers
from harvester.charts.curves import Curve
from harvester.charts.layers import Frame

MOST: Final = 20
ROW: Final = 19  # pixels
_LONGEST: Final = 31  # columns of a name


def drawn(frame: Frame, curves: Sequence[Curve], unit: str) -> list[alt.Chart]:
    """Draw the cells of these series, in this order."""
    rows = [row for curve in curves for row in _cells(frame, curve)]
    y = layers.rows(curves)
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
        layers.layer(gaps, "holes")
        .mark_rect(color=frame.theme.hole)
        .encode(**where, tooltip=told[:2]),
        layers.layer(gaps, "holes_struck")
        .mark_rule(color=frame.theme.quiet, strokeDash=[1, 3])
        .encode(**where),
        known.mark_rect().encode(**where, color=colour, tooltip=told),
        layers.names_left(curves, y, _LONGEST),
    ]


def _cells(frame: Frame, curve: Curve) -> Iterator[dict[str, Any]]:
    cells = layers.periods([at for at, _ in curve.points])
    for (since, until), (_, value) in zip(cells, curve.points, strict=True):
        yield {
            "from": layers.millis(since), "until": layers.millis(until), "value": value,
            "key": curve.place, "series": curve.name.words, "when": f"until {frame.when(until)}",
        }  # fmt: skip
