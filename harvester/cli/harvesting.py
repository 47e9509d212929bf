"""`harvester fetch` and `healthcheck`: one round of asking, and whether the daemon does its own."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from typing import Final

import click
from sqlalchemy import Connection

from harvester import admission, app, backlog, clock, display, harvest
from harvester.backlog import Backlog
from harvester.cli.options import (
    Globals,
    Lasting,
    Name,
    common,
    in_format,
    option,
    several_games,
    several_users,
)
from harvester.cli.outlook import how_far
from harvester.cli.reading import reading
from harvester.cli.session import note, settings_of, show, stopping
from harvester.config import JOBS, Settings
from harvester.errors import BudgetSpent, ConfigError, HarvesterError, Refused, Stopped
from harvester.harvest import Harvest, Told
from harvester.store import outlook, polls, report
from harvester.store.polls import Selection
from harvester.tally import COLUMNS, Tally

SOME_FAILED: Final = 3


@click.command()
@click.argument("jobs", nargs=-1, type=Name(JOBS), metavar="[JOB]...")
@several_games
@several_users
@option("--all", "is_all", is_flag=True, help="Count everything watched as due.")
@option("--force", "is_forced", is_flag=True, help="Like --all, and what is proven unchanged, too.")
@in_format
@common
@click.pass_context
def fetch(
    context: click.Context,
    *,
    jobs: Sequence[str],
    games: Sequence[int],
    users: Sequence[str],
    is_all: bool,
    is_forced: bool,
    form: str,
) -> None:
    """Ask what is due, once, and exit.

    JOB is game-tickets, developer-tickets, distribution, progress or unlocks; without any,
    all of them. Break it off whenever you like: the next one goes on where it ended.

    Exit codes: 0 done, also when the daily budget is spent; 3 some polls failed; 4 the key
    is refused; 5 RetroAchievements gave no usable answer; 6 another harvester is at work.
    """
    settings = _watching(settings_of(context.obj))
    selection, tally = Selection(jobs, games, users), Tally()
    with (
        stopping() as stop,
        app.harvesting(lambda: settings, "fetch", stop=stop) as made,
    ):
        _must_match(made, selection)
        if is_all or is_forced:
            harvest.make_due(made, selection, is_forced=is_forced)
        try:
            is_over = _ask(made, selection, tally)
        finally:
            _summarise(tally, form)
        waits = admission.told(harvest.waiting(made, selection)) if is_over else ""
        if waits:
            note(f"harvester: {waits}")
        elif is_over and not tally.polls and form == "table":
            _say_when_due(made, selection)
        _say_how_far(made)
    _say_what_failed(tally)
    context.exit(SOME_FAILED if tally.failed else 0)


def _watching(settings: Settings) -> Settings:
    watch = settings.watch
    if not (watch.games or watch.users or watch.developers):
        raise ConfigError("nothing is watched; `harvester watch add --game ID` adds a game")
    return settings


def _ask(made: Harvest, selection: Selection, tally: Tally) -> bool:
    """Walk through the round, and show how far it is; tell whether it came to its end."""
    progress = display.Progress(
        requests=lambda: made.meter.requests,
        rate=lambda: made.pacer.rate * made.pacer.factor,
        monotonic=time.monotonic,
        not_before=lambda: made.client.not_before,
        count=partial(_backlog, made),
    )

    is_shown = sys.stderr.isatty()

    def hear(told: Told) -> None:
        if is_shown:  # else nobody need count
            progress.hear(told)
        tally.hear(told)

    try:
        with display.live(progress):
            for told in harvest.round_of(replace(made, tell=hear), selection):
                hear(told)
    except Refused:
        tally.refuse(made.client.sent)
        raise
    except BudgetSpent as spent:
        note(f"harvester: {spent}")
        return False
    except Stopped:
        note("stopped; the next fetch goes on where this one ended")
        _say_how_far(made)
        raise
    return True


def _summarise(tally: Tally, form: str) -> None:
    rows = list(tally.rows())
    if rows or form != "table":
        show(rows, COLUMNS, form)


def _say_what_failed(tally: Tally) -> None:
    first = tally.first_failure
    if first is None or first.attempt is None:
        return
    count = "1 poll failed" if tally.failed == 1 else f"{tally.failed} polls failed; first"
    told = f"{count}: {first.poll.job} {first.poll.target}: {first.attempt.error}"
    note(f"{told}; `harvester status` shows {'it' if tally.failed == 1 else 'all'}")


def _backlog(made: Harvest) -> Backlog:
    with made.engine.connect() as conn:
        return backlog.in_all(outlook.unlock_lists(conn))


def _say_how_far(made: Harvest) -> None:
    """Say how far first listings are, where some are left."""
    with made.engine.connect() as conn:
        is_left = outlook.is_any_unlisted(conn)
        for line in how_far(conn, made.settings(), at=made.clock()) if is_left else ():
            note(line)


def _say_when_due(made: Harvest, selection: Selection) -> None:
    with made.engine.connect() as conn:
        first = min(poll.due_at for poll in polls.chosen(conn, selection))
    note(f"nothing is due before {first:%Y-%m-%d %H:%M:%S} UTC; --all asks all the same")


# --- is there anything to ask? ---------------------------------------------------------


def _must_match(made: Harvest, selection: Selection) -> None:
    """Raise `ConfigError` where a selection names what is not watched."""
    with made.engine.connect() as conn:
        for game in selection.games:
            if not polls.chosen(conn, Selection(games=[game])):
                advice = f"`harvester watch add --game {game}` adds it"
                raise ConfigError(f"game {game} is not watched; {advice}")
        for user in selection.users:
            if not polls.chosen(conn, Selection(users=[user])):
                raise ConfigError(_unknown_user(made.settings(), user))
        if not polls.chosen(conn, selection):
            raise ConfigError(_why_nothing(conn, selection))


def _unknown_user(settings: Settings, user: str) -> str:
    watched = (*settings.watch.users, *settings.watch.developers)
    near = get_close_matches(user, watched, n=1)
    hint = f"did you mean {near[0]}?" if near else "`harvester watch add --user` adds one"
    return f"{user} is no watched player or developer; {hint}"


def _why_nothing(conn: Connection, selection: Selection) -> str:
    if not selection.jobs:
        return "nothing that is watched fits all of that; try fewer options"
    if list(selection.jobs) == ["unlocks"] and not polls.chosen(conn, Selection(jobs=["unlocks"])):
        return "no achievements are known yet; `harvester fetch progress unlocks` asks for both"
    return f"nothing that is watched fits {' or '.join(selection.jobs)} with these options"


# --- the pulse of the daemon -----------------------------------------------------------


@click.command()
@option(
    "--within",
    type=Lasting(),
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How old the daemon's last sign of life may be.",
)
@common
@click.pass_context
def healthcheck(context: click.Context, *, within: float) -> None:
    """Exit with 0 if the daemon is doing its work, with 1 if not, and say so in a line.

    Asks the database alone: needs no key and sends nothing.
    """
    try:
        is_healthy, told = _pulse(context.obj, timedelta(seconds=within))
    except HarvesterError as trouble:
        is_healthy, told = False, str(trouble)
    click.echo(f"{'healthy' if is_healthy else 'not healthy'}: {told}")
    context.exit(0 if is_healthy else 1)


def _pulse(chosen: Globals, within: timedelta) -> tuple[bool, str]:
    with reading(chosen) as engine, engine.connect() as conn:
        return report.health(conn, at=clock.now(), within=within)
