"""Rarity of many achievements: one row each, the rarest first, with a line from then to now."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from harvester.charts import layers, ticks
from harvester.charts.curves import Curve
from harvester.charts.layers import Frame

MOST: Final = 30
ROW: Final = 19  # pixels
_LONGEST: Final = 36  # columns of a name


def drawn(frame: Frame, curves: Sequence[Curve], unit: str) -> list[alt.Chart]:
    """Draw where each series began (hollow) and is now (full)."""
    rows = [_row(curve) for curve in curves]
    most = max((max(row["now"], row["then"]) for row in rows), default=0)
    axis = ticks.numbers(0, most, is_share=unit.startswith("share"))
    x = alt.X(
        "now:Q",
        axis=alt.Axis(values=axis.marks, format=axis.form, title=unit, titleAnchor="end"),
        scale=alt.Scale(domain=[axis.marks[0], axis.marks[-1]], nice=False),
    )
    y = layers.rows(curves)
    told = [
        alt.Tooltip("series:N"),
        *(alt.Tooltip(f"{one}:Q", format=".2%") for one in ("then", "now")),
    ]
    colour = frame.theme.series[0]
    way, then, now = (layers.layer(rows, name) for name in ("way", "then", "now"))
    return [
        way.mark_rule(color=colour, strokeWidth=2, opacity=0.45).encode(x=x, x2="then:Q", y=y),
        then.mark_point(color=colour, size=40, strokeWidth=1.5, fill=frame.theme.ground, opacity=1)
        .encode(x=alt.X("then:Q"), y=y, tooltip=told),
        now.mark_point(color=colour, filled=True, size=55, opacity=1)
        .encode(x=x, y=y, tooltip=told),
        layers.names_left(curves, y, _LONGEST),
    ]  # fmt: skip


def _row(curve: Curve) -> dict[str, Any]:
    known = [value for _, value in curve.points if value is not None]
    told = {"key": curve.place, "series": curve.name.words}
    return {**told, "then": known[0], "now": known[-1]}
