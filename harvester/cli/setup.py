"""`harvester init` and `harvester check`: from nothing to a set-up that works."""

import os
from pathlib import Path
from typing import Final

import click

from harvester import checkup, config
from harvester.cli.options import Globals, common, in_format, option
from harvester.cli.session import settings_of, show, stopping
from harvester.errors import ConfigError

_COLUMNS: Final = ("check", "result", "detail")

NEXT_STEPS: Final = """\
wrote {path}

next:
  1. put your RetroAchievements name and web API key into it, or into
     HARVESTER_API_USERNAME and HARVESTER_API_KEY
     (the key: https://retroachievements.org/settings, Authentication)
  2. harvester watch add --game ID     the number in the game's address
  3. harvester check                   says what is still wrong
  4. harvester fetch                   asks once; harvester run keeps asking
"""


@click.command()
@common
@click.pass_obj
def init(chosen: Globals) -> None:
    """Write a commented config.toml.

    It goes to ./config.toml, or where --config says, and never over a file that is there.
    """
    path = chosen.config or Path("config.toml")
    _create(path, config.example())
    click.echo(NEXT_STEPS.format(path=path), nl=False)


def _create(path: Path, content: str) -> None:
    """Write a file that only its owner may read: it is going to hold a key."""
    if path.exists():
        raise ConfigError(f"{path} is there already and stays as it is")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(content)


@click.command()
@option("--offline", "is_offline", is_flag=True, help="Do not try the key: send no request.")
@in_format
@common
@click.pass_context
def check(context: click.Context, *, is_offline: bool, form: str) -> None:
    """Say what is wrong with the set-up, and how to mend it.

    Looks at configuration, watchlist, key, database and schedule. The exit code is the one
    that `fetch` would end with: 2 configuration, 4 key refused, 5 no answer, 7 database.
    """
    found = _findings(context.obj, is_offline=is_offline)
    show(map(vars, found), _COLUMNS, form)
    context.exit(max(one.exit_code for one in found))


def _findings(chosen: Globals, *, is_offline: bool) -> list[checkup.Finding]:
    try:
        settings = settings_of(chosen)
    except ConfigError as error:
        return [checkup.problem("config", error)]
    source = settings.path or "no config.toml: defaults, and what the environment says"
    read = checkup.Finding("config", checkup.OK, str(source))
    with stopping() as stop:
        return [read, *checkup.findings(settings, is_offline=is_offline, stop=stop)]
