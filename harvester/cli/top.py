"""`harvester top`: what changed most over a period."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypedDict, Unpack

import click
from sqlalchemy import Connection

from harvester import clock
from harvester.charts import names
from harvester.cli.options import (
    Globals,
    Name,
    common,
    in_format,
    option,
    since_30d,
    until_now,
)
from harvester.cli.reading import reading
from harvester.cli.session import note, show
from harvester.cli.timespan import bounds, timespan
from harvester.store.series import Span
from harvester.store.top import RANKINGS, ranked

MOST: Final = 10_000
USUAL, A_FEW = 10, 3
OVERVIEW: Final = ("ranking", "rank", "what", "before", "after", "change", "per_day")
LISTED: Final = ("name", "ranks")


class _Asked(TypedDict):
    """The options that say how to rank."""

    since: str
    until: str
    limit: int | None
    by: str


@click.command()
@click.argument("name", required=False, type=Name(list(RANKINGS)), metavar="[RANKING]")
@click.option("--list", "is_list", is_flag=True, help="List the rankings there are.")
@since_30d
@until_now
@option("--limit", type=click.IntRange(1, MOST), help="How many: else 10, or 3 of each ranking.")
@option(
    "--by",
    type=Name(["change", "relative"]),
    default="change",
    show_default=True,
    metavar="SIZE",
    help="change, or relative: as a share of what was before.",
)
@in_format
@common
@click.pass_obj
def top(
    chosen: Globals, *, name: str | None, is_list: bool, form: str, **asked: Unpack[_Asked]
) -> None:
    """Show what changed most over a period, up or down.

    RANKING is one of those that --list tells; without any, the first few of each are shown.
    What was first seen within the period is compared with what it was then: its first value
    is no jump from zero, and is_whole is no. per_day goes by the time between the looks.
    """
    if is_list:
        show(({"name": one.name, "ranks": one.help} for one in RANKINGS.values()), LISTED, form)
        return
    span = timespan(asked["since"], asked["until"], now=clock.now())
    with reading(chosen) as engine, engine.connect() as conn:
        if name is None:
            rows = [row for own in RANKINGS for row in _few(conn, own, span, **asked)]
        else:
            rows = _ranked(conn, name, span, asked["limit"] or USUAL, asked["by"])
    show(rows, RANKINGS[name].columns if name else OVERVIEW, form)
    if not rows:
        note(f"no change was seen between {bounds(span)}")


def _few(
    conn: Connection, name: str, span: Span, **asked: Unpack[_Asked]
) -> Iterator[dict[str, Any]]:
    """Tell the first few of a ranking, for all rankings to fit into one table."""
    rows = _ranked(conn, name, span, asked["limit"] or A_FEW, asked["by"])
    about = names.labels([names.Name(_what(row), _id(row)) for row in rows])
    for row, what in zip(rows, about, strict=True):
        yield {"ranking": name, "what": what, **row}


def _ranked(conn: Connection, name: str, span: Span, limit: int, by: str) -> list[dict[str, Any]]:
    ends = span._asdict()
    return ranked(conn, name, **ends, limit=limit, is_relative=by == "relative")


def _id(row: Mapping[str, Any]) -> str:
    """Tell by which id rows can be told apart that read the same."""
    return str(row.get("achievement_id") or row.get("game_id") or "")


def _what(row: Mapping[str, Any]) -> str:
    """Say in one cell what a row is about; ids stand for what has no title yet."""
    game = row.get("game") or (f"game {row['game_id']}" if row.get("game_id") else None)
    achievement = row.get("achievement") or row.get("achievement_id")
    own = row.get("user") or achievement
    return f"{own} ({game})" if own and game else str(own or game)
