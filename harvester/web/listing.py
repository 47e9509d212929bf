"""Rows as tables of a page: which columns, under which words, leading where."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

from harvester.store.trends import Ends
from harvester.web.templating import cell, segment, words
from harvester.wording import titled

Row = Mapping[str, Any]
Link = Callable[[Row], "Lead | None"]

MOST_ROWS: Final = 500
LONG: Final = 30  # rows; more of them scroll in a box of their own
_PROSE: Final = ("notes", "last_error")
_ASIDE: Final = ("console", "before")  # what a phone has no room for


class Lead(NamedTuple):
    """Where a link leads: to which kind of thing, and which of them."""

    kind: str
    own: object

    @property
    def address(self) -> str:
        """The page about it."""
        return f"/{self.kind.lower()}s/{segment(self.own)}"


@dataclass(frozen=True)
class Line:
    """How a number went, and what it was at both ends of the range."""

    points: Sequence[float | None] = ()
    ends: Ends = field(default_factory=Ends)


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table, and where it leads."""

    text: str
    href: str | None = None
    points: Sequence[float | None] = ()


@dataclass(frozen=True)
class Column:
    """One column: which value of a row, under which words; numbers stand to the right."""

    name: str
    title: str = ""
    link: Link | None = None
    is_number: bool = False
    is_signed: bool = False

    @property
    def words(self) -> str:
        """What stands above it."""
        return self.title or words(self.name)

    @property
    def kind(self) -> str:
        """How it is set: numbers to the right, times on one line."""
        return " ".join([*(["aside"] if self.name in _ASIDE else []), *self._setting])

    @property
    def _setting(self) -> list[str]:
        if self.is_number:
            return ["number"]
        is_time = self.name == "time" or self.name.endswith("_at")
        return ["time"] if is_time else ["prose"] if self.name in _PROSE else []


@dataclass(frozen=True)
class Table:
    """A table with its caption, and what is to be said below it."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]] = field(default=())
    remark: str = ""

    @property
    def is_long(self) -> bool:
        """Whether it would push everything below it out of sight."""
        return len(self.rows) > LONG


def table(
    caption: str, rows: Iterable[Row], columns: Sequence[Column], zone: tzinfo = UTC
) -> Table:
    """Make a table of these columns; it ends after `MOST_ROWS`, and says so."""
    every = list(rows)
    shown = [[_cell(row, column, zone) for column in columns] for row in every[:MOST_ROWS]]
    is_cut = len(every) > MOST_ROWS
    remark = f"The first {MOST_ROWS:,} of {len(every):,} rows." if is_cut else ""
    return Table(caption, columns, shown, remark)


def _cell(row: Row, column: Column, zone: tzinfo) -> Cell:
    value = row.get(column.name)
    if isinstance(value, Line):
        return Cell(_range(value.ends), points=value.points)
    if lead := column.link(row) if column.link else None:
        return Cell(titled(value, *lead), lead.address)
    text = cell(value, column.name, zone)
    is_more = column.is_signed and value is not None and value > 0
    return Cell(f"+{text}" if is_more else text)


def _range(ends: Ends) -> str:
    """Say what a line without axes shows."""
    return "nothing known" if None in ends else f"{ends.before:,} to {ends.after:,}"


def columns_of(rows: Sequence[Row], labels: Mapping[str, Link]) -> list[Column]:
    """Choose what a table of a trend shows: the time, what differs, and every number."""
    names = [name for name in (rows[0] if rows else ()) if _tells(name, rows)]
    return [Column(name, "", labels.get(name), _is_number(name, rows)) for name in names]


def _tells(name: str, rows: Sequence[Row]) -> bool:
    if name == "time" or _is_number(name, rows):
        return not name.endswith("_id")
    first = rows[0][name]
    return any(row[name] != first for row in rows)


def _is_number(name: str, rows: Sequence[Row]) -> bool:
    known = next((row[name] for row in rows if row[name] is not None), None)
    return isinstance(known, int | float) and not isinstance(known, bool | datetime)


def game_at(row: Row) -> Lead | None:
    """Lead to the page of a row's game."""
    return Lead("Game", row["game_id"]) if row.get("game_id") else None


def achievement_at(row: Row) -> Lead | None:
    """Lead to the page of a row's achievement."""
    own = row.get("achievement_id", row.get("id"))
    return Lead("Achievement", own) if own else None


def player_at(row: Row) -> Lead | None:
    """Lead to the page of a row's player: by ULID, which no rename changes."""
    who = row.get("who") or row.get("ulid") or row.get("user")
    return Lead("Player", who) if who else None


def developer_at(row: Row) -> Lead | None:
    """Lead to the page of a row's developer."""
    return Lead("Developer", row["who"]) if row["who"] else None
