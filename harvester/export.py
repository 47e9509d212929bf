"""`harvester export`: tables as files, all of one moment, or only what changed since the last time.

one snapshot -> for each table: which rows, into which files -> rows flow from the cursor to
the files -> the folder remembers the instant

Costs what is read: the table, or for what changed a scan of it and the rows that did.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection

from harvester import exported
from harvester.errors import ConfigError
from harvester.exported import Last, Manifest
from harvester.exportfile import require, write
from harvester.store import extracts
from harvester.store.extracts import Chunk, Relation

LAST: Final = "last"
OVERLAP: Final = timedelta(hours=1)  # far more than lies between a row's instant and its commit
Tell: TypeAlias = Callable[[str, int], None]  # the table at hand, and how many rows of it are done
Chunks: TypeAlias = Iterator[Chunk]


@dataclass(frozen=True)
class Order:
    """What is wanted where: no `tables` are all, no `since` is everything."""

    path: Path
    form: str
    tables: Sequence[str] = ()
    since: datetime | Literal["last"] | None = None
    is_by_month: bool = False


@dataclass(frozen=True)
class Written:
    """What came of one table: how many rows in which files, and since when they were written."""

    table: str
    files: dict[Path, int]
    since: datetime | None

    @property
    def rows(self) -> int:
        """Count the rows."""
        return sum(self.files.values())


@dataclass(frozen=True)
class _Task:
    """One table to export: the rows since an instant, or all; as a part beside others, or not."""

    order: Order
    relation: Relation
    at: datetime
    last: Last | None

    @property
    def is_by_month(self) -> bool:
        """Whether it is cut by months: what has no date is not."""
        return self.order.is_by_month and bool(self.relation.dated)

    @property
    def is_kept_on(self) -> bool:
        """Whether the folder goes on with it: it begins where it did, and gets no smaller."""
        return self.order.since == LAST and bool(self.relation.stamps)

    @property
    def is_in_parts(self) -> bool:
        """Whether it grows by parts: what may change without a trace is written anew each time."""
        return self.is_kept_on and not self.relation.is_view

    @property
    def is_more(self) -> bool:
        """Whether it goes on where the last export was; not where the clock was set back since."""
        return self.is_in_parts and self.last is not None and self.last.at < self.at

    @property
    def begins(self) -> datetime | None:
        """Tell since when on rows will be in the folder: what is gone on with stays as it was."""
        if isinstance(self.order.since, datetime):
            return self.order.since if self.relation.stamps else None
        return self.last.begins if self.last is not None and self.is_kept_on else None

    @property
    def since(self) -> datetime | None:
        """Tell since when rows must have been written to be wanted."""
        if self.last is None or not self.is_more:
            return self.begins
        again = self.last.at - OVERLAP
        return again if self.begins is None else max(again, self.begins)

    @property
    def is_less(self) -> bool:
        """Whether the folder would hold fewer rows than it does."""
        if self.last is None or self.begins is None:
            return False
        return self.last.begins is None or self.last.begins < self.begins

    def done(self, rows: int) -> Last:
        """Tell what to remember of it."""
        goes_on = self.is_kept_on or bool(self.last and self.last.is_grown)
        since = None if self.begins is None else exported.text_of(self.begins)
        at, is_grown = exported.text_of(self.at), self.order.since is not None and goes_on
        return Last(at, rows, self.is_by_month, since, is_grown)

    def place(self, month: str | None = None) -> Path:
        """Name the file, of one month where it is cut by months."""
        named = self.order.path, self.relation.name, self.order.form
        if month is None and not self.is_in_parts:
            return exported.whole(*named)
        return exported.part(*named, self.at, month)


def run(conn: Connection, order: Order, *, at: datetime, tell: Tell) -> Iterator[Written]:
    """Export table by table; `at` is an instant at or before that of the snapshot.

    Raises `ConfigError` for what cannot be done, and `HarvesterError` where a file cannot be
    written; the files that are there by then are whole.
    """
    require(order.form)
    relations = extracts.relations(conn, order.tables)
    with exported.folder(order.path):
        manifest = exported.read(order.path)
        done = manifest.setdefault(order.form, {})
        tasks = [_Task(order, one, at, _last(done, one, order)) for one in relations]
        for task in tasks:
            _must_fit(task)
        _forget(manifest, done, [task for task in tasks if task.is_less])
        for task in tasks:
            written = _export(conn, task, tell)
            done[written.table] = task.done(written.rows)
            yield written
        exported.remember(order.path, manifest)


def _last(done: Mapping[str, Last], relation: Relation, order: Order) -> Last | None:
    """Find the last export of a table, unless its files were taken away."""
    is_there = exported.is_there(order.path, relation.name, order.form)
    return done.get(relation.name) if is_there else None


def _must_fit(task: _Task) -> None:
    """Raise `ConfigError` where the folder would not be what it is taken for any more."""
    last, name, path = task.last, task.relation.name, task.order.path
    if last is not None and task.is_more and last.is_by_month != task.is_by_month:
        how = "with" if last.is_by_month else "without"
        raise ConfigError(
            f"{name} was exported to {path} {how} --partition month; "
            "do the same, or leave --since away to export everything again"
        )
    if last is not None and task.is_less and (last.begins is None or last.is_grown):
        what = f"its rows since {last.begins:%Y-%m-%d %H:%M}" if last.begins else "all its rows"
        raise ConfigError(
            f"{name} is in {path} with {what}, of which this --since would leave a part; "
            "name another folder, or take --since last"
        )


def _forget(manifest: Manifest, done: dict[str, Last], tasks: Sequence[_Task]) -> None:
    """Say nothing of a table before its file holds less, lest a kill leave too much said."""
    for task in tasks:
        del done[task.relation.name]
    if tasks:
        exported.remember(tasks[0].order.path, manifest)


def _export(conn: Connection, task: _Task, tell: Tell) -> Written:
    relation, order = task.relation, task.order
    rows = extracts.chunks(conn, relation, since=task.since, is_dated=task.is_by_month)
    files: dict[Path, int] = {}
    with closing(rows):
        for path, chunks in _files(task, rows):
            files[path] = 0
            write(path, order.form, relation.columns, _counted(chunks, task, path, files, tell))
    if task.is_more and task.last is not None:
        exported.gather(order.path, relation.name, order.form, task.last)
    else:
        exported.sweep(order.path, relation.name, order.form, files)
    return Written(relation.name, files, task.since)


def _files(task: _Task, chunks: Chunks) -> Iterator[tuple[Path, Chunks]]:
    """Tell which rows go into which file; nothing new is no file, and an empty table is one."""
    first = next(chunks, None)
    if first is None:
        month = exported.month_of(task.at) if task.is_by_month else None
        yield from [] if task.is_more else [(task.place(month), iter(()))]
    elif task.is_by_month:
        cut = groupby(_cut(chain([first], chunks)), itemgetter(0))
        yield from ((task.place(month), (chunk for _, chunk in own)) for month, own in cut)
    else:
        yield task.place(), chain([first], chunks)


def _cut(chunks: Chunks) -> Iterator[tuple[str, Chunk]]:
    """Cut chunks where a month ends; their rows have their date at the end."""
    for chunk in chunks:
        for month, lines in groupby(chunk, lambda line: exported.month_of(line[-1])):
            yield month, list(lines)


def _counted(chunks: Chunks, task: _Task, path: Path, files: dict[Path, int], tell: Tell) -> Chunks:
    for chunk in chunks:
        yield chunk
        files[path] += len(chunk)
        tell(task.relation.name, sum(files.values()))
