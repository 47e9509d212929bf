"""`harvester gaps`: when something was not looked at, and why."""

from collections.abc import Sequence
from typing import Final, TypedDict, Unpack

import click
from sqlalchemy import Connection

from harvester import clock
from harvester.cli.jobs import several_jobs
from harvester.cli.options import (
    Globals,
    common,
    in_format,
    option,
    several_developers,
    several_games,
    several_users,
    until_now,
)
from harvester.cli.reading import reading
from harvester.cli.session import note, show
from harvester.cli.timespan import bounds, timespan
from harvester.errors import ConfigError
from harvester.store import gaps as found

LOOKED_BACK: Final = "30d"


class _Asked(TypedDict):
    """The options that say what about."""

    jobs: Sequence[str]
    games: Sequence[int]
    users: Sequence[str]
    developers: Sequence[str]


@click.command()
@option("--since", metavar="WHEN", help="A date, a time, or an age; else 30d, as in `status`.")
@until_now
@several_games
@several_users
@several_developers
@several_jobs
@option("--each", "is_each", is_flag=True, help="Unlock lists one by one, not by game.")
@in_format
@common
@click.pass_obj
def gaps(
    chosen: Globals,
    *,
    since: str | None,
    until: str,
    is_each: bool,
    form: str,
    **asked: Unpack[_Asked],
) -> None:
    """Show when something was not looked at although it was watched, and why.

    A hole is a time in which no look came that was promised, at one and a half times its
    interval: what `status` takes off its coverage. Times are UTC. With --since, the time before
    something was watched is listed, too ("not yet watched"), and from when it left the watchlist
    to when it came back ("not watched").

    Reasons: "down" (no process was there, or its machine slept), "API unavailable",
    "rate-limited", "invalid answer", "not found", "key refused", "budget" (the daily one was
    spent, or kept for what is more urgent), "not yet looked at" (the first look is to come),
    "not asked" (nothing is known of it; where too much is due, others went first).
    """
    about, now = found.About(**asked), clock.now()
    span = timespan(since or LOOKED_BACK, until, now=now)
    with reading(chosen) as engine, engine.connect() as conn:
        _must_match(conn, about)
        rows = found.holes(
            conn, since=span.since, until=span.until, at=now, about=about, is_each=is_each
        )
    told = [row for row in rows if since or row["reason"] not in found.UNPROMISED]
    show(told, found.COLUMNS, form)
    if not told:
        note(f"no holes between {bounds(span)}")


def _must_match(conn: Connection, about: found.About) -> None:
    if not found.is_any(conn, about):
        if about == found.EVERYTHING:
            raise ConfigError("nothing was planned yet; `harvester fetch` does, and asks")
        raise ConfigError("nothing that is watched fits that; `harvester status` lists what is")
