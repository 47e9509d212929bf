"""Puts a picture together: which series in which form, under which title, with what remarks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final

import altair as alt
from altair.utils import schemapi

from harvester.charts import bars, buckets, heat, layers, lines, ranking, themes, ticks
from harvester.charts.brevity import breadth, short
from harvester.charts.curves import Chosen, chosen
from harvester.charts.kinds import Kind, drawn, unit_of
from harvester.charts.layers import HEIGHT, WIDTH, Frame, Note
from harvester.charts.names import Row, named, subjects_of

_TITLE: Final = 74  # columns: what fits above a picture
_PALER: Final = "paler: reconstructed from dates"
_SUBTITLE: Final = 104


@dataclass(frozen=True)
class Asked:
    """What a picture is to show, and how."""

    kind: Kind
    rows: Sequence[Row]
    values: Sequence[str]
    zone: tzinfo
    notes: Sequence[Note]
    theme: themes.Theme

    def frame(self) -> Frame:
        """Bound the picture by the first and last time of the rows, or the whole first period."""
        times = sorted({row["time"] for row in self.rows})
        since, until = times[0], times[-1]
        is_ranging = any(name.endswith("_max") for name in self.rows[0])
        if self.kind.form == "bars" or since == until or is_ranging:
            since = layers.periods(times)[0][0]
        return Frame(since, until, self.zone, self.theme)


@dataclass(frozen=True)
class Picture:
    """The layers of a picture, and what is written above it."""

    layers: Sequence[alt.Chart]
    about: str
    remarks: Sequence[str]
    height: int = HEIGHT


def specification(asked: Asked) -> dict[str, Any]:
    """Return the Vega-Lite specification.

    It is not checked against the schema each time, which would take half of the time; tests do.
    """
    with schemapi.debug_mode(arg=False):
        return _specification(asked)


def _specification(asked: Asked) -> dict[str, Any]:
    picture = _FORMS[_form(asked)](asked) if asked.rows else _empty(asked)
    title = " · ".join(part for part in (asked.kind.title, picture.about) if part)
    remarks = _folded(picture.remarks)
    shown = alt.layer(*picture.layers).properties(
        width=WIDTH,
        height=picture.height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        padding=12,
        title=alt.TitleParams(short(title, _TITLE), subtitle=remarks or alt.Undefined),
        description=f"{short(title, 200)}. {' '.join(picture.remarks)}".strip(),
        usermeta={"embedOptions": {"actions": False}},
    )
    return {**shown.to_dict(validate=False), "config": themes.config(asked.theme)}


def _form(asked: Asked) -> str:
    """Show one achievement's rarity over time, and several of them ranked."""
    if asked.kind.form != "ranking":
        return asked.kind.form
    return "ranking" if len({row.get("achievement_id") for row in asked.rows}) > 1 else "lines"


def _lines(asked: Asked) -> Picture:
    own, frame = _chosen(asked), asked.frame()
    gaps = lines.gaps(own.curves)
    drawn_lines = lines.drawn(frame, own.curves, _unit(asked, own))
    return _over_time(asked, own, gaps, drawn_lines)


def _bars(asked: Asked) -> Picture:
    own = _chosen(asked, heat.MOST)
    if len(own.curves) > bars.MOST:
        return _heat(asked, own)
    gaps = bars.gaps(own.curves)
    picture = _over_time(asked, own, gaps, bars.drawn(asked.frame(), own.curves, _unit(asked, own)))
    is_pale = any(row.get("basis") not in (None, bars.OBSERVED) for row in asked.rows)
    return replace(picture, remarks=[*picture.remarks, *([_PALER] if is_pale else [])])


def _heat(asked: Asked, own: Chosen) -> Picture:
    drawn_cells = heat.drawn(asked.frame(), own.curves, _unit(asked, own))
    every = [*drawn_cells, *layers.notes(asked.frame(), asked.notes)]
    is_whole = all(value is not None for curve in own.curves for _, value in curve.points)
    words = [*own.remarks, *([] if is_whole else ["dotted: not known"])]
    return Picture(every, own.about, words, heat.ROW * len(own.curves))


def _over_time(
    asked: Asked, own: Chosen, gaps: Sequence[layers.Cell], main: Sequence[alt.Chart]
) -> Picture:
    frame = asked.frame()
    every = [*layers.holes(frame, gaps), *main, *layers.notes(frame, asked.notes)]
    return Picture(every, own.about, [*own.remarks, *_shaded(gaps)])


def _shaded(gaps: Sequence[layers.Cell]) -> list[str]:
    return ["shaded: not observed"] if gaps else []


def _distribution(asked: Asked) -> Picture:
    times = buckets.times(asked.rows)
    if times is None:
        return _empty(asked)
    own, those = buckets.chosen(asked.rows)
    then, now = times
    frame = asked.frame()
    words = [f"bars: {frame.when(now)}"]
    words += [f"strokes: {frame.when(then)}"] if then < now else []
    remark = f"{', '.join(words)} ({ticks.zone_name(asked.zone)})"
    remarks = [remark, *own.remarks, *layers.between(asked.notes, then, now)]
    return Picture(buckets.drawn(frame, those, then, now), own.about, remarks)


def _ranking(asked: Asked) -> Picture:
    own = _chosen(asked, None)
    those = sorted(own.curves, key=lambda curve: curve.last if curve.last >= 0 else 2)
    shown = [curve for curve in those if curve.last >= 0][: ranking.MOST]
    left = len(those) - len(shown)
    frame, zone = asked.frame(), ticks.zone_name(asked.zone)
    words = [
        f"hollow: {frame.when(frame.since)}, full: {frame.when(frame.until)} ({zone})",
        *own.remarks,
        *([f"{left} less rare or unknown ones not shown"] if left else []),
        *layers.between(asked.notes, frame.since, frame.until),
    ]
    height = max(1, len(shown)) * ranking.ROW
    return Picture(ranking.drawn(frame, shown, _unit(asked, own)), own.about, words, height)


def _empty(asked: Asked) -> Picture:
    """Say that there is nothing, instead of drawing axes without anything in them."""
    words = layers.layer([{"words": "nothing is known of this time"}], "empty")
    text = words.mark_text(fontSize=14, fontStyle="italic", color=asked.theme.quiet)
    about, _ = named(subjects_of(asked.rows))
    return Picture([text.encode(text="words:N")], about, [], HEIGHT // 2)


def _chosen(asked: Asked, most: int | None = themes.MOST_SERIES) -> Chosen:
    is_event = asked.kind.form == "bars"
    return chosen(asked.rows, drawn(asked.kind, asked.values), most, is_event=is_event)


def _unit(asked: Asked, own: Chosen) -> str:
    return unit_of(asked.kind, own.curves[0].value) if own.curves else ""


def _folded(remarks: Iterable[str]) -> list[str]:
    """Put remarks into lines of the width of a picture."""
    folded: list[str] = []
    for remark in remarks:
        joined = f"{folded[-1]} · {remark}" if folded else remark
        if folded and breadth(joined) <= _SUBTITLE:
            folded[-1] = joined
        else:
            folded.append(short(remark, _SUBTITLE))
    return folded


_FORMS: Final[Mapping[str, Callable[[Asked], Picture]]] = {
    "lines": _lines,
    "bars": _bars,
    "distribution": _distribution,
    "ranking": _ranking,
}
