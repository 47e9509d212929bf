"""Rows as a table for people: aligned columns that fit the terminal.

measure -> too wide? fold dates, and text between words -> narrow the gaps -> fold words ->
still too wide? one block per row

Off a terminal nothing is narrowed: who reads on with another program gets all of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from harvester.plain import cell
from harvester.text import folded, one_line, width_of, words

NOTHING = "-"
GAP, NARROW_GAP = "  ", " "
NARROWEST = 10  # what folded text needs to be read, and the date of an instant
NARROWEST_VALUE = 8  # the same in a block

Row = Mapping[str, object]


@dataclass(frozen=True)
class _Column:
    """One column: its cells as text, and how it may be laid out."""

    name: str
    cells: list[str]
    is_foldable: bool
    is_instant: bool
    is_number: bool

    @property
    def width(self) -> int:
        return max(map(width_of, (self.name, *self.cells)))

    @property
    def longest_word(self) -> int:
        """The width below which words would be cut."""
        if not self.is_foldable:
            return self.width
        cells = (width_of(word) for cell in self.cells for word in words(cell))
        return max(self.narrowest, *cells, 0)

    @property
    def narrowest(self) -> int:
        """The width below which nobody can read it."""
        return (
            min(self.width, max(NARROWEST, width_of(self.name))) if self.is_foldable else self.width
        )


def table(rows: Sequence[Row], columns: Sequence[str], *, width: int | None) -> Iterator[str]:
    """Yield the lines of a table, header and rule first; `width` None is without limit."""
    laid = [_column(name, rows) for name in columns]
    gap, widths = _layout(laid, width)
    if widths is None:
        yield from _blocks(laid, width or 0)
        return
    yield _joined(laid, widths, gap, [column.name for column in laid])
    yield gap.join("-" * wide for wide in widths)
    for number in range(len(rows)):
        yield from (_joined(laid, widths, gap, line) for line in _lines(laid, widths, number))


def shown(value: object) -> str:
    """Return a value as people read it: UTC instants, yes and no, `-` for nothing."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
    return one_line(cell(value))


def _column(name: str, rows: Sequence[Row]) -> _Column:
    values = [row.get(name) for row in rows]
    told = [value for value in values if value is not None]
    return _Column(
        one_line(name),
        [shown(value) for value in values],
        is_foldable=not all(isinstance(value, int | float | timedelta) for value in told),
        is_instant=all(isinstance(value, datetime) for value in told),
        is_number=bool(told) and all(_is_number(value) for value in told),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _layout(columns: Sequence[_Column], width: int | None) -> tuple[str, list[int] | None]:
    """Choose the gap and the widths of the columns; None if they cannot stand side by side."""
    if width is None:
        return GAP, [column.width for column in columns]
    whole = [column.longest_word for column in columns]
    narrowest = [column.narrowest for column in columns]
    for gap, least in ((GAP, whole), (NARROW_GAP, whole), (NARROW_GAP, narrowest)):
        widths = _widths(columns, least, width - len(gap) * (len(columns) - 1))
        if widths is not None:
            return gap, widths
    return GAP, None


def _widths(columns: Sequence[_Column], least: Sequence[int], room: int) -> list[int] | None:
    """Narrow the widest columns first, until all of them fit into the room."""
    widths = [column.width for column in columns]
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda place: _spare(widths, least, place))
        if widths[widest] <= least[widest]:
            return None
        step = widths[widest] - least[widest] if columns[widest].is_instant else 1
        widths[widest] -= step
    return widths


def _spare(widths: Sequence[int], least: Sequence[int], place: int) -> tuple[bool, int]:
    return widths[place] > least[place], widths[place]


def _lines(
    columns: Sequence[_Column], widths: Sequence[int], number: int
) -> Iterator[tuple[str, ...]]:
    cells = (
        folded(column.cells[number], wide) for column, wide in zip(columns, widths, strict=True)
    )
    return zip_longest(*cells, fillvalue="")


def _joined(
    columns: Sequence[_Column], widths: Sequence[int], gap: str, cells: Sequence[str]
) -> str:
    padded = (
        _padded(cell, wide, is_right=column.is_number)
        for column, wide, cell in zip(columns, widths, cells, strict=True)
    )
    return gap.join(padded).rstrip()


def _padded(cell: str, width: int, *, is_right: bool) -> str:
    blank = " " * (width - width_of(cell))
    return blank + cell if is_right else cell + blank


def _blocks(columns: Sequence[_Column], width: int) -> Iterator[str]:
    """Yield every row as a block of `name  value` lines, a blank line between two."""
    label = max(width_of(column.name) for column in columns)
    room = max(width - label - len(GAP), NARROWEST_VALUE)
    for number in range(len(columns[0].cells)):
        yield from [""] if number else []
        for column in columns:
            first, *more = folded(column.cells[number], room)
            yield f"{_padded(column.name, label, is_right=False)}{GAP}{first}".rstrip()
            yield from (" " * (label + len(GAP)) + line for line in more)
