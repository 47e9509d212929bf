"""`harvester watch`: the watchlist, where it lives in `config.toml`."""

from collections.abc import Sequence
from typing import BinaryIO, Final

import click

from harvester import watchfile
from harvester.cli.options import (
    Globals,
    common,
    in_format,
    several_developers,
    several_games,
    several_users,
)
from harvester.cli.session import config_path, note, settings_of, show
from harvester.errors import ConfigError
from harvester.watchfile import Targets

_COLUMNS: Final = ("kind", "id", "unofficial", "unlocks", "every")


@click.group()
def watch() -> None:
    """Edit the watchlist in config.toml; comments and layout stay.

    A running daemon notices by itself. What leaves the watchlist keeps its history.
    """


@watch.command("list")
@in_format
@common
@click.pass_obj
def list_(chosen: Globals, *, form: str) -> None:
    """Show what is watched."""
    rows = watchfile.listed(settings_of(chosen))
    show(rows, _COLUMNS, form)
    if not rows:
        note("nothing is watched; `harvester watch add --game ID` adds a game")


@watch.command()
@several_games
@several_users
@several_developers
@common
@click.pass_obj
def add(
    chosen: Globals, *, games: Sequence[int], users: Sequence[str], developers: Sequence[str]
) -> None:
    """Watch games, players and developers."""
    _add(chosen, _targets(games, users, developers))


@watch.command()
@several_games
@several_users
@several_developers
@common
@click.pass_obj
def remove(
    chosen: Globals, *, games: Sequence[int], users: Sequence[str], developers: Sequence[str]
) -> None:
    """Watch them no longer; their history stays."""
    targets = _targets(games, users, developers)
    gone = watchfile.remove(config_path(chosen), **targets)
    for name in gone:
        click.echo(f"removed {name}")
    missing = _missing(targets, gone)
    if missing:
        raise ConfigError(f"not on the watchlist: {', '.join(missing)}")


@watch.command("import")
@click.argument("file", type=click.File("rb"))
@common
@click.pass_obj
def import_(chosen: Globals, *, file: BinaryIO) -> None:
    """Watch what a CSV file lists (`-`: standard input).

    Its columns are kind (game, user or developer) and id, as `watch export` writes them.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file.name} is not UTF-8 at byte {error.start}") from None
    _add(chosen, watchfile.read_csv(text))


@watch.command()
@common
@click.pass_obj
def export(chosen: Globals) -> None:
    """Write the watchlist as CSV."""
    click.echo(watchfile.write_csv(settings_of(chosen)), nl=False)


def _add(chosen: Globals, targets: Targets) -> None:
    added = watchfile.add(config_path(chosen), **targets)
    for name in added:
        click.echo(f"added {name}")
    if not added:
        note("all of that was watched already")


def _targets(games: Sequence[int], users: Sequence[str], developers: Sequence[str]) -> Targets:
    if not (games or users or developers):
        raise click.UsageError("say whom: --game ID, --user NAME or --developer NAME.")
    return Targets(games=list(games), users=list(users), developers=list(developers))


def _missing(targets: Targets, gone: Sequence[str]) -> list[str]:
    asked = [
        *(f"game {number}" for number in targets["games"]),
        *(f"user {name}" for name in targets["users"]),
        *(f"developer {name}" for name in targets["developers"]),
    ]
    removed = {name.lower() for name in gone}
    return [name for name in asked if name.lower() not in removed]
