"""One figure of the report: a picture that stands in the page, and its numbers as a table.

The picture is drawn in light colours; the page's style replaces each of them where it is dark.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from harvester import pictures, wording
from harvester.charts.themes import DARK, LIGHT
from harvester.wording import NOTHING, SHARE_DIGITS

Row = Mapping[str, Any]
_Subject = tuple[tuple[Any, ...], tuple[int | None, ...]]

WIDTH: Final = 500
_NOISE: Final = re.compile(
    r' (?:class|role|pointer-events|aria-[a-z]+|version|xmlns:xlink|font-style="normal")="[^"]*"'
)
_EMPTY: Final = re.compile(r'<path d="" ?[^>]*/>|<path d="M0,0h[^"]*"[^>]*display="none"[^>]*/>')
_SIZE: Final = re.compile(r' (?:width|height)="[0-9]+"')


@dataclass(frozen=True)
class Table:
    """Numbers as text: the heads of the columns, and rows of cells."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A picture with its caption and remarks, and the table that says the same."""

    caption: str
    remarks: Sequence[str]
    svg: str
    table: Table


def figure(specification: dict[str, Any], table: Table) -> Figure:
    """Draw a picture for the page; the page itself says what it is about."""
    title = specification.pop("title")
    config = {**specification["config"], "aria": False, "background": None}
    drawn = pictures.picture({**specification, "config": config, "width": WIDTH}, "svg").decode()
    caption = title["text"].partition(" · ")[0]
    return Figure(caption, title.get("subtitle", []), _inline(drawn), table)


def _inline(svg: str) -> str:
    """Make a drawing part of a page: short, and scaled by the page. Nothing in it has an id."""
    return _SIZE.sub("", _EMPTY.sub("", _NOISE.sub("", svg)), count=2)


def dark_style() -> Iterable[tuple[str, str]]:
    """Tell which colours take the place of which where the page is dark."""
    names = ("ground", "ink", "quiet", "faint", "hole")
    pairs = [(getattr(LIGHT, name), getattr(DARK, name)) for name in names]
    return [*pairs, *zip(LIGHT.series, DARK.series, strict=True)]


def over_time(rows: Iterable[Row], values: Sequence[str], zone: tzinfo) -> Table:
    """List values by time, the newest first; columns that tell nothing are left out."""
    listed = list(rows)[::-1]
    told = [name for name in values if any(row.get(name) is not None for row in listed)]
    cells = [
        [when(row["time"], zone), *(wording.number(row.get(name)) for name in told)]
        for row in listed
    ]
    return Table(["until", *(name.replace("_", " ") for name in told)], cells)


def then_and_now(
    rows: Iterable[Row], label: Sequence[str], value: str, heads: Sequence[str]
) -> Table:
    """List what each subject had at first and at last, and the difference.

    `heads` are those of the columns of `label`. Sorted by the newest value; buckets by themselves.
    """
    known: dict[_Subject, list[float]] = {}
    for row in rows:
        if row.get(value) is not None:
            known.setdefault(_subject(row, label), []).append(row[value])
    is_share = wording.is_share(value)
    lines = sorted(known.items(), key=_by_bucket if "unlocked" in label else _by_last)
    cells = [[*_words(own, label), *_compared(of, is_share=is_share)] for own, of in lines]
    return Table([*heads, "then", "now", "change"], cells)


def _subject(row: Row, label: Sequence[str]) -> _Subject:
    """Tell what a row is about: also by ids, for two things may bear the same title."""
    ids = tuple(row.get(f"{name}_id") for name in label)
    return tuple(row[name] for name in label), ids


def _words(subject: _Subject, label: Sequence[str]) -> Iterable[str]:
    values, ids = subject
    return map(_word, values, label, ids)


def _compared(values: Sequence[float], *, is_share: bool) -> list[str]:
    then, now = values[0], values[-1]
    write = wording.share if is_share else wording.number
    return [write(then), write(now), change(then, now, is_share=is_share)]


def _by_last(line: tuple[Any, Sequence[float]]) -> float:
    return line[1][-1]


def _by_bucket(line: tuple[_Subject, Any]) -> tuple[int, bool]:
    unlocked, is_hardcore = line[0][0]
    return unlocked, not is_hardcore


def _word(value: Any, name: str, own: int | None) -> str:  # noqa: ANN401 - whatever a row holds
    if isinstance(value, bool):
        return "hardcore" if value else "casual"
    if own is not None:
        return wording.titled(value, name, own)
    return NOTHING if value is None else str(value)


def when(at: datetime | None, zone: tzinfo) -> str:
    """Write an instant as the clock of a zone shows it, without a midnight."""
    return wording.instant(at, zone).removesuffix(" 00:00")


def change(then: float, now: float, *, is_share: bool = False) -> str:
    """Write a difference with its sign; of shares in percentage points."""
    if is_share:
        return f"{(now - then) * 100:+.{SHARE_DIGITS}f}" if now != then else "0"
    return f"{now - then:+,}" if now != then else "0"
