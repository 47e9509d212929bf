"""What a trend is, what it is asked, and what it tells: rows by period, or rows as they come."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection

from harvester.store.series import Span
from harvester.store.subjects import Label, Labels

Values: TypeAlias = Mapping[str, Any]
Row: TypeAlias = dict[str, Any]
Spans: TypeAlias = Sequence[Span]
Basis = Literal["observed", "reconstructed"]
# A label, and the rows of each period: one or more.
Curve: TypeAlias = tuple[Label, Sequence[Sequence[Values]]]

UNKNOWN: Values = {"is_observed": False}


@dataclass(frozen=True)
class Question:
    """About whom, over which periods, and whether with their ranges and changes.

    `subjects` are labels by option: "game", "achievement", "user", "developer"; `columns` are
    those that rows have after the labels. By `now`, the present, is told whether a look is late.
    """

    conn: Connection
    subjects: Mapping[str, Labels]
    spans: Spans
    now: datetime
    columns: Sequence[str] = ()
    is_range: bool = False
    is_delta: bool = False

    @cached_property
    def ends(self) -> list[datetime]:
        """The end of every period."""
        return [span.until for span in self.spans]

    @property
    def since(self) -> datetime:
        """The earliest instant that has to be known."""
        return self.spans[0].since if self.is_range else self.spans[0].until

    @property
    def until(self) -> datetime:
        """The end of the range."""
        return self.spans[-1].until


Told: TypeAlias = Callable[[Question], Iterable[Row]]
Missing: TypeAlias = Callable[[Question, Sequence[Row]], str | None]
Courses: TypeAlias = Callable[[Question], Iterable[Any]]  # each a `Course`


def _nothing(_question: Question, _rows: Sequence[Row]) -> None:
    """Have nothing to add to rows that speak for themselves."""


def _no_course(_question: Question) -> Iterable[Any]:
    """Have nothing that holds: what happens has no ends."""
    return ()


@dataclass(frozen=True)
class Trend:
    """A question about change: `keys` are the options it takes, one of `needs` must be given.

    `kind` is "state" (what held at the end of a period) or "event" (what happened in it). Rows
    have `time`, labels for the keys, the columns in `values`, and `marks`, which tell how well
    they are known. `numbers` are the values of which ranges and changes can be told, `jobs`
    those that collect them; `missing` says in one line what the rows cannot tell. `courses` tell
    what held at any instant, where that is a question.
    """

    name: str
    help: str
    kind: Literal["state", "event"]
    keys: tuple[str, ...]
    needs: tuple[str, ...]
    values: tuple[str, ...]
    rows: Told
    missing: Missing = _nothing
    numbers: tuple[str, ...] = ()
    marks: tuple[str, ...] = ("is_observed",)
    jobs: tuple[str, ...] = ("progress",)
    courses: Courses = _no_course

    def columns(self, *, is_range: bool = False, is_delta: bool = False) -> list[str]:
        """Name the columns that follow the labels of a row."""
        ranges = ("min", "max") if is_range else ()
        changes = ("change", "per_day") if is_delta else ()
        more = [f"{name}_{what}" for name in self.numbers for what in (*ranges, *changes)]
        return [*self.values, *more, *self.marks]


def by_period(curves: Callable[[Question], Iterable[Curve]]) -> Told:
    """Tell the rows of curves in the order of time, then of the curves."""

    def rows(question: Question) -> Iterator[Row]:
        blank = dict.fromkeys(question.columns)
        told = [
            list(_filled({"time": None, **label, **blank}, periods))
            for label, periods in curves(question)
        ]
        for index, span in enumerate(question.spans):
            for periods in told:
                for values in periods[index]:
                    row = values.copy()
                    row["time"] = span.until
                    yield row

    return rows


def _filled(empty: Row, periods: Iterable[Sequence[Values]]) -> Iterator[Sequence[Row]]:
    """Fill in the values of each period; where they stay the same, once."""
    before: Sequence[Values] = ()
    filled: Sequence[Row] = ()
    for values in periods:
        if values is not before:
            before, filled = values, [{**empty, **one} for one in values]
        yield filled
