"""`harvester serve`: the dashboard."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from harvester import clock, logs
from harvester.cli.options import Globals, common, option
from harvester.cli.reading import reading
from harvester.cli.session import note, settings_of, stopping
from harvester.errors import ConfigError, Stopped
from harvester.store import migrate

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from starlette.types import ASGIApp

    from harvester.stop import Stop
    from harvester.web.security import Door

PORT = 8000
TYPED = (
    "everybody on this machine can read --token in the list of processes; HARVESTER_TOKEN hides it"
)
MISSING = "the dashboard needs more: pip install 'ra-harvester[web]'"


class _Asked(TypedDict):
    """The options of `serve`."""

    host: str
    port: int
    allowed: Sequence[str]
    token: str
    token_file: Path | None
    is_open: bool
    has_sql: bool


@click.command()
@option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="A name under which browsers may ask for it; may be repeated.",
)
@option("--token", default="", help="Who comes must know this; better in HARVESTER_TOKEN.")
@option("--token-file", type=click.Path(path_type=Path), help="The same, in a file of its own.")
@option("--no-auth", "is_open", is_flag=True, help="Let everybody in who can reach the address.")
@option("--sql", "has_sql", is_flag=True, help="Allow questions in SQL; they can only read.")
@common
@click.pass_obj
def serve(chosen: Globals, **asked: Unpack[_Asked]) -> None:
    """Show the collected history in a browser, until Ctrl-C.

    Reads the database, and cannot write to it. Only this machine can reach it, unless --host
    says otherwise; then a token is needed.
    """
    try:
        from harvester.web import server  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ConfigError(MISSING) from None
    token = _token(asked["token"], asked["token_file"])
    door = server.door_of(asked["host"], asked["allowed"], token, is_open=asked["is_open"])
    logs.hide(token)
    if _is_typed():
        note(TYPED)
    with reading(chosen) as engine, suppress(Stopped, KeyboardInterrupt), stopping() as stop:
        listening = server.listen(asked["host"], asked["port"])
        note(f"the dashboard is at {server.address(listening)} - Ctrl-C ends it")
        app = _application(chosen, engine, door, stop, has_sql=asked["has_sql"])
        server.serve(app, listening, stop)


def _is_typed() -> bool:
    """Tell whether the token is an argument of this process, which others can list."""
    given = click.get_current_context().get_parameter_source("token")
    return given is click.core.ParameterSource.COMMANDLINE


def _token(given: str, path: Path | None) -> str:
    """Take the token from where it is. Raises `ConfigError` where the file has none."""
    if path is None:
        return given
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"--token-file {path} cannot be read: {why}") from None
    if not found:
        raise ConfigError(f"--token-file {path} is empty")
    return found


def _application(
    chosen: Globals, engine: "Engine", door: "Door", stop: "Stop", *, has_sql: bool
) -> "ASGIApp":
    """Hand down what pages may know: of the configuration that is the time zone alone."""
    from harvester.web.app import application  # noqa: PLC0415 - as above
    from harvester.web.site import Site  # noqa: PLC0415 - as above

    zone = settings_of(chosen).schedule.timezone
    site = Site(
        engine,
        clock.now,
        migrate.head(),
        zone=zone,
        has_sql=has_sql,
        has_login=bool(door.token),
        stop=stop,
    )
    return application(site, door)
