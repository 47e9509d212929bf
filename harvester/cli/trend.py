"""`harvester trend`: how something changed over time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypedDict, TypeVar, Unpack

import click

from harvester import clock
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
from harvester.cli.plotting import draw, plot
from harvester.cli.reading import reading
from harvester.cli.session import note, show
from harvester.errors import ConfigError
from harvester.store import series, trends

T = TypeVar("T")

_ENDS: Final[tuple[Literal["since"], Literal["until"]]] = ("since", "until")
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


@click.command()
@click.argument("name", required=False)
@click.option("--list", "is_list", is_flag=True, help="List the trends there are.")
@several_games
@several_achievements
@several_users
@several_developers
@option("--since", default="30d", show_default=True, help="A date, a time, or an age.")
@option("--until", default="now", show_default=True, help="The same.")
@option("--every", default="1d", show_default=True, help="1h, 6h, 1d, 1w, 1mo ...")
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

    A row tells how it stood at the end of a period (UTC), or how much happened in it; a value
    is empty where nothing was known. `harvester trend --list` tells what NAME can be.
    """
    if is_list:
        show(_listed(), _LISTED, form)
        return
    if name is None:
        raise click.UsageError("say which one; `harvester trend --list` tells what there is.")
    rows, missing = answer = _answered(chosen, name, **asked)
    show(rows, list(rows[0]) if rows else ["time"], form)
    if picture:
        draw(picture, name, answer, trends.TRENDS[name].values)
    if missing or not rows:
        note(missing or "nothing is known about that")


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
    now = clock.now()
    every = _read("--every", asked["every"], series.parse_every)
    since, until = (
        min(_read(f"--{end}", asked[end], lambda text: series.parse_instant(text, now)), now)
        for end in _ENDS
    )
    with reading(chosen) as engine, engine.connect() as conn:
        return trends.answer(
            conn,
            name,
            games=asked["games"],
            achievements=asked["achievements"],
            users=asked["users"],
            developers=asked["developers"],
            since=since,
            until=until,
            every=every,
        )


def _read(name: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as wrong:
        raise ConfigError(f"{name} {text}: {wrong}") from None
