"""`harvester trend`: how something changed over time."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack
from zoneinfo import ZoneInfo

import click

from harvester import clock, sparks
from harvester.cli.options import (
    Globals,
    Zone,
    common,
    in_format,
    option,
    several_achievements,
    several_developers,
    several_games,
    several_users,
    since_30d,
    until_now,
)
from harvester.cli.plotting import beside, draw, plot
from harvester.cli.reading import reading
from harvester.cli.session import note, show
from harvester.cli.timespan import past, read, timespan
from harvester.errors import ConfigError
from harvester.render import localized
from harvester.store import series, trends

Row = dict[str, Any]

_LISTED: Final = ("name", "options", "values", "shows")


class _Asked(TypedDict):
    """The options of `trend` that say what about."""

    games: Sequence[int]
    achievements: Sequence[int]
    users: Sequence[str]
    developers: Sequence[str]
    since: str
    until: str
    every: str
    at: str | None
    vs: str | None
    zone: ZoneInfo | None
    is_range: bool
    is_delta: bool


@click.command()
@click.argument("name", required=False)
@click.option("--list", "is_list", is_flag=True, help="List the trends there are.")
@several_games
@several_achievements
@several_users
@several_developers
@since_30d
@until_now
@option("--every", default="1d", show_default=True, help="1h, 6h, 1d, 1w, 1mo ...")
@option("--timezone", "zone", type=Zone(), help="Whose calendar and clock; else UTC's.")
@option("--range", "is_range", is_flag=True, help="Also the least and the most in each period.")
@option("--delta", "is_delta", is_flag=True, help="Also the change since the last known point.")
@option("--at", metavar="WHEN", help="With distribution: as it was then, in numbers.")
@option("--vs", metavar="WHEN", help="And beside it, as it was then.")
@plot
@in_format
@common
@click.pass_obj
def trend(
    chosen: Globals,
    /,
    *,
    name: str | None,
    is_list: bool,
    picture: Path | None,
    form: str,
    **asked: Unpack[_Asked],
) -> None:
    """Show how something changed over time.

    A row tells how it stood at the end of a period, or how much happened in it; a value is
    empty where nobody had looked. Times are UTC; with --timezone tables, CSV and TSV show that
    of the zone, which the column's name says. Notes on what is shown (`harvester note list`) are
    told beside it. `harvester trend --list` tells what NAME can be.
    """
    if is_list:
        show(_listed(), _LISTED, form)
        return
    if name is None:
        raise click.UsageError("say which one; `harvester trend --list` tells what there is.")
    is_compared = bool(asked["at"] or asked["vs"])
    told = (_compared if is_compared else _answered)(chosen, name, **asked)
    if picture:
        drawn = beside(told.rows, *_moments(asked)) if is_compared else told.rows
        draw(picture, name, drawn, asked["zone"], told.notes)
    if is_compared:
        show(told.rows, trends.COMPARED, form)
    else:
        rows = localized(_barred(told.rows, name, form), form, asked["zone"])
        show(rows, list(rows[0]) if rows else ["time"], form)
    _remark(told)


def _remark(told: trends.Answer) -> None:
    """Say beside the rows what they cannot tell, and what happened to the numbers."""
    if told.caveat:
        note(told.caveat)
    for one in told.notes:
        note(f"since {one.at:%Y-%m-%d}: {one.title}")


def _listed() -> list[dict[str, object]]:
    return [
        {
            "name": one.name,
            "options": _options(one),
            "values": " ".join(one.values),
            "shows": one.help,
        }
        for one in trends.TRENDS.values()
    ]


def _options(one: trends.Trend) -> str:
    needed = " or ".join(f"--{key}" for key in one.needs)
    more = " ".join(f"--{key}" for key in one.keys if key not in one.needs)
    return f"needs {needed}" + (f", takes {more}" if more else "")


def _answered(chosen: Globals, name: str, **asked: Unpack[_Asked]) -> trends.Answer:
    zone = asked["zone"] or UTC
    every = read("--every", asked["every"], series.parse_every)
    now = clock.now()
    span = timespan(asked["since"], asked["until"], now=now, zone=zone)
    with reading(chosen) as engine, engine.connect() as conn:
        return trends.answer(
            conn,
            name,
            games=asked["games"],
            achievements=asked["achievements"],
            users=asked["users"],
            developers=asked["developers"],
            since=span.since,
            until=span.until,
            every=every,
            zone=zone,
            now=now,
            is_range=asked["is_range"],
            is_delta=asked["is_delta"],
        )


def _compared(chosen: Globals, name: str, **asked: Unpack[_Asked]) -> trends.Answer:
    """Hold the distributions of games at two instants beside each other."""
    if name != "distribution" or asked["at"] is None or not asked["games"]:
        raise ConfigError("--at, and --vs beside it, go with: trend distribution --game ID")
    if asked["is_range"] or asked["is_delta"]:
        raise ConfigError(
            "--at and --vs show how it was then; --range and --delta do not go with it"
        )
    at, vs = _moments(asked)
    with reading(chosen) as engine, engine.connect() as conn:
        return trends.compared(conn, asked["games"], at=at, vs=vs, now=clock.now())


def _moments(asked: _Asked) -> tuple[datetime, datetime | None]:
    now, zone = clock.now(), asked["zone"] or UTC
    at, vs = (past(f"--{name}", asked[name] or "now", now=now, zone=zone) for name in ("at", "vs"))
    return at, vs if asked["vs"] else None


def _barred(rows: list[Row], name: str, form: str) -> list[Row]:
    """Add a small bar to every row of a table: how the first value goes, by key."""
    one = trends.TRENDS[name]
    if form != "table" or not (one.numbers or "basis" in one.marks):
        return rows
    marks = sparks.marks_for(sys.stdout.encoding)
    for series_of_key in _by_key(rows, one).values():
        values = [row[one.values[0]] for row in series_of_key]
        for row, bar in zip(series_of_key, sparks.bars(values, marks), strict=True):
            row["spark"] = bar
    return rows


def _by_key(rows: Iterable[Row], one: trends.Trend) -> Mapping[Any, list[Row]]:
    """Sort rows into series: those whose labels, which stand before the values, are the same."""
    series_by_key: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        names = list(row)
        labels = names[1 : names.index(one.values[0])]
        series_by_key[tuple(row[name] for name in labels)].append(row)
    return series_by_key
