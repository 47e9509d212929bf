"""`harvester note`: dated remarks on the data, which charts draw and trends list."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

import click

from harvester import clock
from harvester.cli.jobs import several_jobs
from harvester.cli.options import (
    Globals,
    common,
    in_format,
    option,
    several_achievements,
    several_developers,
    several_games,
    several_users,
)
from harvester.cli.reading import annotating, reading
from harvester.cli.session import note as say
from harvester.cli.session import show
from harvester.cli.timespan import instant
from harvester.store import notes


class _About(TypedDict):
    """The options that say what a note is about."""

    games: Sequence[int]
    achievements: Sequence[int]
    users: Sequence[str]
    developers: Sequence[str]
    jobs: Sequence[str]


@click.group()
def note() -> None:
    """Remark on the data: what happened when.

    Some notes come with the program: the days on which RA changed what its numbers mean.
    """


@note.command()
@click.argument("at", metavar="DATE")
@click.argument("title", metavar="TITLE")
@several_games
@several_achievements
@several_users
@several_developers
@several_jobs
@option("--note", "more", metavar="TEXT", help="What it means, at more length.")
@common
@click.pass_obj
def add(
    chosen: Globals, /, *, at: str, title: str, more: str | None, **about: Unpack[_About]
) -> None:
    """Note what happened on a date (UTC), about everything or what the options name.

    Works beside a harvester that runs.
    """
    when = instant("DATE", at, now=clock.now())
    with annotating(chosen) as engine, engine.begin() as conn:
        for scope in notes.about(conn, **about) or [notes.ALL]:
            added = notes.add(conn, at=when, title=title, scope=scope, note=more)
            click.echo(f"note {added.id} on {scope}, {when:%Y-%m-%d %H:%M}: {added.title}")


@note.command("list")
@several_games
@several_achievements
@several_users
@several_developers
@several_jobs
@option("--since", metavar="WHEN", help="A date, a time, or an age; else all.")
@option("--until", metavar="WHEN", help="The same.")
@in_format
@common
@click.pass_obj
def list_(
    chosen: Globals, /, *, since: str | None, until: str | None, form: str, **about: Unpack[_About]
) -> None:
    """List notes, on everything and on what the options name; without options, all of them."""
    bounds = {
        name: instant(f"--{name}", text, now=clock.now())
        for name, text in (("since", since), ("until", until))
        if text is not None
    }
    with reading(chosen) as engine, engine.connect() as conn:
        scopes = notes.about(conn, **about) if any(about.values()) else None
        found = notes.listed(conn, **bounds, scopes=scopes)
    show((vars(one) for one in found), notes.COLUMNS, form)
    if not found:
        say("no notes on that")


@note.command()
@click.argument("own", metavar="ID", type=click.IntRange(min=1))
@common
@click.pass_obj
def remove(chosen: Globals, *, own: int) -> None:
    """Remove one of your notes, by its id."""
    with annotating(chosen) as engine, engine.begin() as conn:
        gone = notes.remove(conn, own)
    click.echo(f"removed note {gone.id}: {gone.title}")
