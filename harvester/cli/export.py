"""`harvester export`: the tables as files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import click

from harvester import clock
from harvester.cli.options import Globals, Name, common, option
from harvester.cli.reading import reading
from harvester.cli.session import show, stopping
from harvester.errors import ConfigError
from harvester.export import LAST, Order, Tell, Written, run
from harvester.exportfile import FORMATS
from harvester.store import series
from harvester.store.extracts import snapshot

_COLUMNS: Final = ("table", "rows", "files", "since")


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "names"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        """Return the names."""
        del param, ctx
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@option(
    "--format", "form", type=Name(tuple(FORMATS)), default="csv", show_default=True,
    metavar="FORMAT", envvar="HARVESTER_EXPORT_FORMAT", help="csv, ndjson or parquet.",
)  # fmt: skip
@option(
    "--tables", type=Names(), multiple=True, metavar="NAME,...",
    help="Only these tables and views; may be repeated. Else all tables.",
)  # fmt: skip
@option(
    "--since", metavar="WHEN",
    help='Only rows that began or ended since a date, an age, or "last": the last export.',
)  # fmt: skip
@option(
    "--partition", type=Name(("month",)), metavar="month",
    help="A file per month, in folders as DuckDB and Arrow read them.",
)  # fmt: skip
@common
@click.pass_obj
def export(
    chosen: Globals,
    *,
    folder: Path,
    form: str,
    tables: Sequence[Sequence[str]],
    since: str | None,
    partition: str | None,
) -> None:
    """Write tables to files in DIR, all of one moment.

    A harvest may go on meanwhile. A file is there as a whole or not at all, and takes the
    place of the one before; with `--since last` files with what changed come beside them.
    What is in DIR whole, or grows, is not replaced by rows since a date: take another DIR.
    Times are UTC. Needs no network and no key.
    """
    at = clock.now()
    names = [name for several in tables for name in several]
    wanted = Order(folder, form, names, _since(since, at), is_by_month=partition is not None)
    with (
        reading(chosen) as engine,
        stopping() as stop,
        snapshot(engine, stop) as conn,
        _progress() as tell,
    ):
        done = list(run(conn, wanted, at=at, tell=tell))
    show((_row(one) for one in done), _COLUMNS, "table")


def _since(text: str | None, now: datetime) -> datetime | Literal["last"] | None:
    if text is None or text == LAST:
        return text  # type: ignore[return-value]  # mypy does not narrow to the literal
    try:
        return min(series.parse_instant(text, now), now)
    except ValueError as wrong:
        raise ConfigError(f'--since {text}: {wrong}, or "{LAST}"') from None


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show on a terminal how far it is; nothing elsewhere."""
    from rich.console import Console  # noqa: PLC0415 - slow to load

    with Console(stderr=True).status("reading the database") as status:
        yield lambda table, rows: status.update(f"{table}: {rows:,} rows")


def _row(written: Written) -> dict[str, object]:
    paths = list(written.files)
    files = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
    return {
        "table": written.table,
        "rows": written.rows,
        "files": files if paths else None,
        "since": written.since,
    }
