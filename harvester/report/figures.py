"""One figure of the report: a picture that stands in the page, and its numbers as a table.

The picture is drawn in light colours; the page's style replaces each of them where it is dark.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from harvester import pictures, wording
from harvester.charts.themes import DARK, LIGHT
from harvester.store.trends import Ends
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
    """List what each subject had at first and at last (`Ends`), and the difference.

    `heads` are those of the columns of `label`. Sorted by the newest value; buckets by themselves.
    """
    known = [row for row in rows if row[value] != Ends()]
    is_share = wording.is_share(value)
    lines = sorted(known, key=_by_bucket if "unlocked" in label else _by_last(value))
    cells = [[*_words(row, label), *_compared(row[value], is_share=is_share)] for row in lines]
    return Table([*heads, "then", "now", "change"], cells)


def _words(row: Row, label: Sequence[str]) -> Iterable[str]:
    return (_word(row[name], name, row.get(f"{name}_id")) for name in label)


def _compared(ends: Ends, *, is_share: bool) -> list[str]:
    write = wording.share if is_share else wording.number
    return [write(ends.before), write(ends.after), change(*ends, is_share=is_share)]


def _by_last(value: str) -> Callable[[Row], tuple[bool, float]]:
    """Order by what is held at last; what is not held any more comes at the end."""
    return lambda row: (row[value].after is None, row[value].after or 0)


def _by_bucket(row: Row) -> tuple[int, bool]:
    return row["unlocked"], not row["is_hardcore"]


def _word(value: Any, name: str, own: int | None) -> str:  # noqa: ANN401 - whatever a row holds
    if isinstance(value, bool):
        return "hardcore" if value else "casual"
    if own is not None:
        return wording.titled(value, name, own)
    return NOTHING if value is None else str(value)


def when(at: datetime | None, zone: tzinfo) -> str:
    """Write an instant as the clock of a zone shows it, without a midnight."""
    return wording.instant(at, zone).removesuffix(" 00:00")


def change(then: float | None, now: float | None, *, is_share: bool = False) -> str:
    """Write a difference with its sign; of shares in percentage points."""
    if then is None or now is None:
        return NOTHING
    if is_share:
        return f"{(now - then) * 100:+.{SHARE_DIGITS}f}" if now != then else "0"
    return f"{now - then:+,}" if now != then else "0"
