"""Options that several commands share, and what makes all of them come from the environment."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import click

from harvester import logs

C = TypeVar("C", bound=Callable[..., Any])

FORMATS: Final = ("table", "json", "ndjson", "csv", "tsv")
_LARGEST_ID: Final = 2**53
_DIGITS: Final = 17  # more than that id has

CONFIG: Final[dict[str, Any]] = {
    "type": click.Path(path_type=Path),
    "help": "Configuration file; else ./config.toml, then the one of your user.",
}
LOG_FORMAT: Final[dict[str, Any]] = {
    "type": click.Choice(logs.FORMATS),
    "default": "text",
    "show_default": True,
    "help": "How log lines look.",
}
VERBOSE: Final[dict[str, Any]] = {
    "count": True,
    "help": "Log what is going on; -vv: everything.",
}


@dataclass
class Globals:
    """The global options, wherever on the command line they stand."""

    config: Path | None = None
    log_format: str = "text"
    verbosity: int = 0

    def apply(self) -> None:
        """Let logging follow them."""
        logs.set_up(self.verbosity, self.log_format)


class Name(click.Choice[str]):
    """One of a few names; who mistypes one is told the nearest."""

    def get_invalid_choice_message(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        ctx: click.Context | None,
    ) -> str:
        """Say what was meant, or what there is."""
        del ctx
        near = get_close_matches(str(value), self.choices, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.choices)}."
        return f"no {value!r}, {hint}"


class Id(click.ParamType[int]):
    """The id of a game or an achievement."""

    name = "id"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return the number."""
        text = str(value)
        if text.isascii() and text.isdecimal() and 1 <= int(text[:_DIGITS]) <= _LARGEST_ID:
            return int(text)
        return self.fail(f"{text!r} is no id; it is the number in the page's address.", param, ctx)


class Zone(click.ParamType[ZoneInfo]):
    """A time zone by its name in the IANA database."""

    name = "zone"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> ZoneInfo:
        """Return the zone; who mistypes one is told the nearest."""
        try:
            return ZoneInfo(str(value))
        except (KeyError, ValueError, OSError):
            near = get_close_matches(str(value), available_timezones(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "one is 'Europe/Berlin'."
            return self.fail(f"no time zone {value!r}, {hint}", param, ctx)


class Lasting(click.ParamType[float]):
    """A duration as in the configuration ("30s", "5m"), or a number of seconds."""

    name = "duration"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return seconds."""
        from harvester.schedule import parse_duration  # noqa: PLC0415 - `--help` is to be quick

        text = f"{value}s" if str(value).isdecimal() else str(value)
        try:
            return parse_duration(text).total_seconds()
        except ValueError as wrong:
            return self.fail(f"{value!r} {wrong}", param, ctx)


def option(*names: str, **settings: Any) -> Callable[[C], C]:  # noqa: ANN401 - click's
    """Declare an option that `HARVESTER_<OPTION>` can set, too."""
    long = next(name for name in names if name.startswith("--"))
    variable = long.partition("/")[0].strip("-").replace("-", "_").upper()
    return click.option(*names, **{"envvar": f"HARVESTER_{variable}", **settings})


def common(command: C) -> C:
    """Let the global options also stand after a command."""
    for decorate in (
        click.option("--config", callback=_config, **_AFTER, **CONFIG),
        click.option("--log-format", callback=_log_format, **_AFTER, **LOG_FORMAT_AFTER),
        click.option("-v", "--verbose", callback=_verbose, **_AFTER, **VERBOSE),
    ):
        command = decorate(command)
    return command


_AFTER: Final[dict[str, Any]] = {"expose_value": False, "hidden": True}
LOG_FORMAT_AFTER: Final = LOG_FORMAT | {"default": None, "show_default": False}


def _config(context: click.Context, _option: object, path: Path | None) -> None:
    context.obj.config = path or context.obj.config


def _log_format(context: click.Context, _option: object, form: str | None) -> None:
    context.obj.log_format = form or context.obj.log_format
    context.obj.apply()


def _verbose(context: click.Context, _option: object, times: int) -> None:
    context.obj.verbosity += times
    context.obj.apply()


in_format = option(
    "--format", "form", type=Name(FORMATS), default="table", show_default=True, metavar="FORMAT",
    help="table, json, ndjson, csv or tsv.",
)  # fmt: skip
several_games = option(
    "--game", "games", type=Id(), multiple=True, metavar="ID",
    help="A game by its id; may be repeated.",
)  # fmt: skip
several_users = option(
    "--user", "users", multiple=True, metavar="NAME", help="A player; may be repeated.",
)  # fmt: skip
several_developers = option(
    "--developer", "developers", multiple=True, metavar="NAME",
    help="A developer; may be repeated.",
)  # fmt: skip
several_achievements = option(
    "--achievement", "achievements", type=Id(), multiple=True, metavar="ID",
    help="An achievement by its id; may be repeated.",
)  # fmt: skip
since_30d = option(
    "--since", default="30d", show_default=True, metavar="WHEN", help="A date, a time, or an age.",
)  # fmt: skip
until_now = option(
    "--until", default="now", show_default=True, metavar="WHEN", help="The same.",
)  # fmt: skip
