"""`harvester status` and `query`: how well is remembered, and what."""

import sys
from collections import Counter
from collections.abc import Sequence

import click

from harvester import clock
from harvester.cli.options import (
    Globals,
    Lasting,
    common,
    in_format,
    option,
)
from harvester.cli.outlook import how_far
from harvester.cli.reading import reading
from harvester.cli.session import note, settings_of, show
from harvester.store import report
from harvester.store.sql import run_query


@click.command()
@option("--each", "is_each", is_flag=True, help="Unlock lists one by one, not by game.")
@in_format
@common
@click.pass_obj
def status(chosen: Globals, *, is_each: bool, form: str) -> None:
    """Show how every poll is doing.

    Coverage is the share of the time since it is watched, 30 days at most, in which it was
    looked at as often as planned: 1 is always. Times are UTC. How far the first listings of
    unlocks are, and what a budget that is nearly spent leaves undone, is said beside the table.
    """
    with reading(chosen) as engine, engine.connect() as conn:
        rows = report.status(conn, at=clock.now(), is_each=is_each)
        remarks = list(how_far(conn, settings_of(chosen), at=clock.now()))
    show(rows, report.COLUMNS, form)
    if not rows:
        note("nothing was planned yet; `harvester fetch` does, and asks")
    for remark in remarks:
        note(remark)


@click.command()
@click.argument("sql", metavar="SQL")
@option(
    "--timeout",
    type=Lasting(),
    default="30s",
    show_default=True,
    metavar="DURATION",
    help="How long the database may work on it.",
)
@in_format
@common
@click.pass_obj
def query(chosen: Globals, *, sql: str, timeout: float, form: str) -> None:
    """Ask the collected history in SQL (`-`: read the query from standard input).

    Only reading is possible: the database itself refuses everything else.
    """
    words = sys.stdin.read() if sql == "-" else sql
    with reading(chosen) as engine:
        columns, lines = run_query(engine, words, seconds=timeout)
        names = _told_apart(columns)
        show((dict(zip(names, line, strict=True)) for line in lines), names, form)


def _told_apart(columns: Sequence[str]) -> list[str]:
    """Give columns of the same name numbers: a row holds each name once."""
    seen: Counter[str] = Counter()
    names = []
    for name in columns:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names
