"""Distributions: bars for the newest one that is known, and a stroke across each for the first.

So then and now can be compared bucket by bucket. Hardcore and casual stand side by side.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import altair as alt

from harvester.charts import bars, layers, ticks
from harvester.charts.curves import Chosen
from harvester.charts.layers import Frame
from harvester.charts.names import Name, Row, named, subjects_of

Buckets: TypeAlias = Mapping[int, float]
MOST: Final = 3
_WIDE: Final = 0.84  # of a bucket


def chosen(rows: Sequence[Row]) -> tuple[Chosen, Sequence[tuple[Name, Sequence[Row]]]]:
    """Name the distributions, and say how many are left out."""
    known = [row for row in rows if row.get("players") is not None]
    subjects = subjects_of(known)
    about, names = named(subjects)
    those = [(names[key], own) for key, own in subjects.items()]
    left = len(those) - MOST
    remarks = [f"{left} more not shown"] if left > 0 else []
    return Chosen([], about, remarks), those[:MOST]


def times(rows: Iterable[Row]) -> tuple[datetime, datetime] | None:
    """Tell the first and the newest time of which a distribution is known."""
    known = [row["time"] for row in rows if row.get("players") is not None]
    return (min(known), max(known)) if known else None


def drawn(
    frame: Frame, those: Sequence[tuple[Name, Sequence[Row]]], then: datetime, now: datetime
) -> list[alt.Chart]:
    """Draw the distributions of two times."""
    names = [name for name, _ in those]
    after = [_at(rows, now) for _, rows in those]
    before = [_at(rows, then) for _, rows in those] if then < now else []
    axis = ticks.numbers(0, _most([*after, *before]), is_share=False)
    x = _x([*after, *before])
    y = layers.y("players", axis, "players")
    shown = [alt.Tooltip("held:Q", title="achievements"), "series:N", "players:Q"]
    solid = layers.layer(_bars(names, after), "now").mark_rect(strokeWidth=1)
    drawn_now = solid.encode(
        x=x, x2="until:Q", y=y, y2=alt.Y2Datum(0), **bars.fillings(frame, len(names)), tooltip=shown
    )
    strokes = [
        layers.layer(_edges(names, before), name)
        .mark_line(strokeWidth=width, color=colour)
        .encode(x=x, y=y, detail="run:N")
        for name, width, colour in (
            ("then_ground", 4, frame.theme.ground),
            ("then", 2, frame.theme.ink),
        )
    ]
    named_bars = bars.names_of_bars(frame, names) if len(names) > 1 else []
    return [drawn_now, *(strokes if before else []), *named_bars]


def _at(rows: Iterable[Row], at: datetime) -> Buckets:
    return {row["unlocked"]: row["players"] for row in rows if row["time"] == at}


def _most(those: Iterable[Buckets]) -> float:
    return max((value for own in those for value in own.values()), default=1)


def _x(those: Iterable[Buckets]) -> alt.X:
    held = [bucket for own in those for bucket in own]
    low, high = min(held, default=1), max(held, default=1)
    marks = [
        own for own in ticks.numbers(low, high, is_share=False, most=8).marks if low <= own <= high
    ]
    axis = alt.Axis(
        values=[*marks], title="achievements held", titleAnchor="end", grid=False, format=",.0f",
        labelOverlap="greedy",
    )  # fmt: skip
    return alt.X(
        "from:Q", axis=axis, scale=alt.Scale(domain=[low - 0.5, high + 0.5], nice=False, zero=False)
    )


def _bars(names: Sequence[Name], those: Sequence[Buckets]) -> list[dict[str, Any]]:
    return [
        {
            "from": since,
            "until": until,
            "held": held,
            "key": place,
            "series": name.words or "players",
            "players": players,
            "full": bars.FILLINGS[place],
        }
        for place, (name, own) in enumerate(zip(names, those, strict=True))
        for held, players in sorted(own.items())
        for since, until in [_part(held, place, len(names))]
    ]


def _part(held: int, place: int, count: int) -> tuple[float, float]:
    since = held - _WIDE / 2 + _WIDE / count * place
    return round(since, 4), round(since + _WIDE / count, 4)


def _edges(names: Sequence[Name], those: Sequence[Buckets]) -> list[dict[str, Any]]:
    """Draw the top of every bar that was there; each its own stroke."""
    return [
        {"from": bar[side], "players": bar["players"], "run": f"{bar['key']} {bar['held']}"}
        for bar in _bars(names[: len(those)], those)
        for side in ("from", "until")
    ]
