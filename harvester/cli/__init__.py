"""The command line: parse, call, and turn what happened into one line and an exit code.

Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 a bug (`healthcheck`:
not healthy) or output that cannot be written, 2 usage or configuration, 3 some polls failed,
4 key refused, 5 API unavailable, 6 database held by another harvester, 7 database unfit;
130 stopped, 141 reader gone.
"""

import gc
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import click
from click.exceptions import Exit

from harvester import logs
from harvester.cli import stdout
from harvester.cli.root import harvester
from harvester.errors import BudgetSpent, HarvesterError, Stopped

STOPPED: Final = 130  # what shells report after Ctrl-C
ROWS_AT_HAND: Final = 50_000  # objects; rows go by themselves, so circles are looked for rarely
READER_GONE: Final = 141  # and after a broken pipe

_log = logging.getLogger("harvester")


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit."""
    if "_HARVESTER_COMPLETE" in os.environ:  # the shell asks how a word could go on
        harvester.main(prog_name="harvester")
    stdout.set_up()
    gc.set_threshold(ROWS_AT_HAND)
    sys.exit(run(sys.argv[1:] if args is None else args))


def run(args: Sequence[str]) -> int:
    """Run a command; return its exit code after saying what went wrong, if anything did."""
    code = _settled(lambda: _invoke(args))
    flushed = _settled(sys.stdout.flush)  # in any case: at exit nobody could tell what is wrong
    return code or flushed


def _invoke(args: Sequence[str]) -> None:
    with harvester.make_context("harvester", list(args)) as context:
        harvester.invoke(context)


def _settled(step: Callable[[], object]) -> int:
    try:
        step()
    except (Exception, KeyboardInterrupt, Stopped) as end:  # noqa: BLE001 - nobody is above us
        return next(settle(end) for kinds, settle in _ENDINGS if isinstance(end, kinds))
    return 0


def _misused(wrong: click.ClickException) -> int:
    wrong.show()
    return click.UsageError.exit_code


def _told(trouble: HarvesterError) -> int:
    """Say the one line of known trouble, as a log line where those are for machines."""
    if logs.is_for_machines():
        level = logging.WARNING if isinstance(trouble, BudgetSpent) else logging.ERROR
        _log.log(level, "%s", trouble)
    else:
        click.echo(f"harvester: {logs.one_line(str(trouble))}", err=True)
    return trouble.exit_code


def _without_reader(_end: BrokenPipeError) -> int:
    """Leave quietly: whoever read our output has seen enough (`| head`)."""
    stdout.discard()
    return READER_GONE


def _bug(bug: Exception) -> int:
    click.echo(logs.scrub("".join(traceback.format_exception(bug))), err=True, nl=False)
    click.echo("harvester: this is a bug; please report it with the lines above", err=True)
    return 1


_ENDINGS: Final[Sequence[tuple[Any, Callable[[Any], int]]]] = (  # the first that fits
    (Exit, lambda end: end.exit_code),
    ((KeyboardInterrupt, Stopped, click.Abort), lambda _end: STOPPED),
    (click.ClickException, _misused),
    (HarvesterError, _told),
    (BrokenPipeError, _without_reader),
    (Exception, _bug),
)
