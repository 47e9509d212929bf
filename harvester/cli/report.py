"""`harvester report`: everything that is watched, as one HTML file."""

from datetime import UTC
from pathlib import Path

import click

from harvester import clock
from harvester.cli.options import Globals, common, since_30d, until_now
from harvester.cli.reading import reading
from harvester.cli.saved import save
from harvester.cli.session import note
from harvester.cli.timespan import timespan


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@since_30d
@until_now
@common
@click.pass_obj
def report(chosen: Globals, *, file: Path, since: str, until: str) -> None:
    """Write a report: one HTML file that needs no network and no JavaScript.

    The watchlist at a glance; tickets, players, distribution, unlocks and rarity of the games
    that moved most; players and developers; coverage. Pictures, and the numbers below each.
    """
    from harvester.report import page  # noqa: PLC0415 - `--help` is to be quick

    now = clock.now()
    span = timespan(since, until, now=now)
    with reading(chosen) as engine, engine.connect() as conn:
        text = page(conn, since=span.since, until=span.until, zone=UTC, now=now)
    save(file, text.encode())
    note(f"written to {file}")
