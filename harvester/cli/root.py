"""The command `harvester`: its global options, and its commands, loaded when they are called.

`harvester --help` has to be quick, and most commands need only a part of the program.
"""

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Final, cast

import click

from harvester import __version__
from harvester.cli.options import CONFIG, LOG_FORMAT, VERBOSE, Globals, option

COMMANDS: Final = {
    "init": ("setup", "Write a commented config.toml."),
    "check": ("setup", "Say what is wrong with the set-up, and how to mend it."),
    "watch": ("watch", "Edit the watchlist in config.toml."),
    "plan": ("plan", "Show what will be asked and what it costs; sends nothing."),
    "fetch": ("harvesting", "Ask what is due, once."),
    "run": ("running", "Keep asking what is due: the daemon."),
    "status": ("answers", "Show how every poll is doing."),
    "gaps": ("gaps", "Show when something was not looked at, and why."),
    "trend": ("trend", "Show how something changed over time."),
    "top": ("top", "Show what changed most over a period."),
    "report": ("report", "Write a report: one HTML file with pictures and numbers."),
    "query": ("answers", "Ask the collected history in SQL."),
    "note": ("note", "Remark on the data: what happened when."),
    "serve": ("serve", "Show the collected history in a browser."),
    "db": ("database", "Look after the database."),
    "healthcheck": ("harvesting", "Exit with 0 if the daemon is doing its work."),
    "demo": ("demo", "See it all work on a simulated RetroAchievements."),
}
"""Every command: the module that has it, and what it does, for the list of commands."""


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command '{cmd_name}'. {hint}")
        module = import_module(f"harvester.cli.{COMMANDS[cmd_name][0]}")
        return cast("click.Command", getattr(module, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    "harvester",
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="-v, --config and --log-format may also stand after the command. Every option can come "
    "from the environment: --format json is HARVESTER_FORMAT=json.",
)
@option("--config", **CONFIG)
@option("--log-format", **LOG_FORMAT)
@option("-v", "--verbose", **VERBOSE)
@click.version_option(__version__, message="ra-harvester %(version)s")
@click.pass_context
def harvester(
    context: click.Context, *, config: Path | None, log_format: str, verbose: int
) -> None:
    """Remember how RetroAchievements stood.

    Polls its Web API on a schedule, keeps the history in your own SQL database, and
    answers how things changed. Begin with `harvester init`, or look at `harvester demo`.
    """
    context.obj = Globals(config, log_format, verbose)
    context.obj.apply()
