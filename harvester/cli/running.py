"""`harvester run`: the daemon. Apart from `fetch`, which needs no scheduler and starts faster."""

from contextlib import suppress

import click

from harvester import daemon
from harvester.cli.options import Globals, common
from harvester.cli.session import config_path, settings_of
from harvester.errors import Stopped
from harvester.stop import Stop


@click.command()
@common
@click.pass_obj
def run(chosen: Globals) -> None:
    """Keep asking what is due, until SIGTERM or Ctrl-C.

    What is overdue is asked at once. The configuration is read again when its file changes,
    and on SIGHUP.
    """
    with suppress(Stopped, KeyboardInterrupt):
        daemon.run(lambda: settings_of(chosen), config_path(chosen), stop=Stop())
