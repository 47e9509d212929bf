"""`harvester demo`: everything at once, on a RetroAchievements that is made up."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from harvester import demo as simulation
from harvester.cli.options import common
from harvester.cli.session import show

_MOVED: Final = ("achievement", "game", "before", "after", "change", "per_day")
_HOLES: Final = ("from_at", "to_at", "reason")
_LABEL = """\
SIMULATED: the games, players and weeks below are made up. The harvester is real: it asks a
small RetroAchievements on this machine, over HTTP, and remembers what it is told.
"""


@click.command()
@common
def demo() -> None:
    """See it all work on a simulated RetroAchievements.

    Needs no account and no network; takes a few seconds for four weeks. Leaves demo.db in
    the current directory, to be looked at with `harvester query`.
    """
    click.echo(_LABEL)
    done = simulation.run(Path.cwd(), tell=_day)
    days = (done.until - done.since).days
    click.echo(f"{days} simulated days, {done.requests:,} requests; polls that came out as:")
    _table({"outcome": name, "polls": count} for name, count in done.outcomes.most_common())
    click.echo("\nWhat is remembered:")
    _table({"table": name, "rows": count} for name, count in done.rows.items())
    click.echo("\nTickets of a game over time (`harvester trend game-tickets`):")
    _table(done.tickets)
    click.echo("\nIts players over time (`harvester trend players`):")
    _table(done.players)
    click.echo("\nUnlocked most, among all games (`harvester top unlocks`):")
    show(done.moved, _MOVED, "table")
    click.echo("\nWhen nobody looked at those tickets, and why (`harvester gaps`):")
    show(done.holes, _HOLES, "table")
    click.echo("\n" + "\n".join(_next_steps(done)))


def _day(day: int) -> None:
    """Show on a terminal that something is happening."""
    if sys.stderr.isatty():
        is_over = day == simulation.DAYS
        line = "" if is_over else f"simulated day {day} of {simulation.DAYS}"
        click.echo(f"\r{line:30}\r", err=True, nl=False)


def _table(rows: Iterator[Mapping[str, Any]] | list[dict[str, Any]]) -> None:
    listed = list(rows)
    show(listed, list(listed[0]) if listed else [], "table")


def _next_steps(done: simulation.Demo) -> Iterator[str]:
    url, own = shlex.quote(f"sqlite:///{done.path.resolve()}"), _program()
    seen_to = done.until - timedelta(days=1)  # of its last day nobody saw the end
    since, until = (f"{end:%Y-%m-%d}" for end in (done.since, seen_to))
    range_of = f"--since {since} --until {until}"
    yield "All of it is in demo.db. To ask it something yourself:\n"
    yield f"export HARVESTER_DATABASE_URL={url}"
    for sql in simulation.QUERIES:
        yield f"{own} query {shlex.quote(' '.join(sql.split()))}"
    yield "\nIn pictures, with the extra `web` (pip install 'ra-harvester[web]'):\n"
    yield f"{own} trend game-tickets --game {done.game} {range_of} --plot tickets.svg"
    yield f"{own} report report.html {range_of}"
    yield f"{own} serve  # then http://127.0.0.1:8000/?since={since}&until={until}"


def _program() -> str:
    """Tell how to call us: by name if the shell finds us, else the way we were called."""
    if shutil.which("harvester"):
        return "harvester"
    called = Path(sys.argv[0])
    return "python -m harvester" if called.name == "__main__.py" else str(called)
