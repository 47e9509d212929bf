"""From `config.toml` and the environment to checked settings.

    find -> read -> environment over file -> check -> paths made absolute -> key looked up

Everything else takes its settings from here; nothing else reads the environment.
"""

import stat
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from platformdirs import user_config_path
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from harvester.complaints import Place, keys_of, told
from harvester.errors import ConfigError
from harvester.schedule import Cron, Every, OnChange, readable
from harvester.settings import (
    ApiSettings,
    DatabaseSettings,
    JobsSettings,
    Mode,
    ScheduleSettings,
    Settings,
    WatchedGame,
    WatchSettings,
)
from harvester.values import GAME_JOBS, checked_key, shown_url, sqlite_file

__all__ = [
    "GAME_JOBS",
    "JOBS",
    "ApiSettings",
    "DatabaseSettings",
    "JobsSettings",
    "Mode",
    "ScheduleSettings",
    "Settings",
    "WatchSettings",
    "WatchedGame",
    "example",
    "find",
    "load",
    "parse",
    "read",
    "require_credentials",
    "shown_url",
    "warnings",
]

JOBS: Final = tuple(keys_of(JobsSettings))
"""The names of the jobs, as in the file and on the command line."""

_FROM_ENVIRONMENT: Mapping[str, type[BaseModel]] = {
    "api": ApiSettings,
    "database": DatabaseSettings,
    "schedule": ScheduleSettings,
}
_NOT_WRITTEN_AS_TEXT = {int, float, bool | None}
_HOME = "retroachievements.org"
_KNOWN_FINE = 4.0  # requests per second that others ask with and report no trouble
_WHERE_KEYS_ARE = f"https://{_HOME}/settings under Authentication (Web API Key)"


def find(explicit: Path | None) -> Path:
    """Return the file to read: the one asked for, else `./config.toml`, else the user's."""
    if explicit is not None:
        if explicit.exists():
            return explicit
        raise ConfigError(f"{explicit} does not exist; `harvester init` writes a config.toml")
    here, users = Path("config.toml"), user_config_path("ra-harvester") / "config.toml"
    for path in (here, users):
        if path.is_file():
            return path
    raise ConfigError(f"no config.toml here and no {users}; `harvester init` writes one")


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file (None: defaults), overridden by `HARVESTER_*` variables.

    `ConfigError` tells everything that is wrong in one line. Missing credentials are no
    error here, because most commands need none: see `require_credentials`.
    """
    return parse(read(path) if path else "", path=path, environ=environ)


def parse(text: str, *, path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings that `text` would give if it stood in `path`; see `load`."""
    origin = f"{path}: " if path else ""
    content = _toml(text, origin)
    overrides = _overlay(content, environ)
    try:
        settings = Settings.model_validate(content, context={"path": path})
    except ValidationError as error:
        # `from None`: pydantic's own text would show the values, secrets among them.
        raise ConfigError(origin + told(error, overrides)) from None
    for contradiction in _contradictions(settings):
        raise ConfigError(origin + contradiction)
    return _with_key(_anchored(settings, path.parent if path else Path()))


def read(path: Path) -> str:
    """Return the text of a configuration file, line ends as they are; or `ConfigError`."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}") from None


def require_credentials(settings: Settings) -> None:
    """Raise `ConfigError` saying what to set, unless there is a user name and a key."""
    if not settings.api.username:
        raise ConfigError("api.username is not set; it, or HARVESTER_API_USERNAME, is your RA name")
    if settings.api.key.get_secret_value():
        return
    if settings.api.key_file:
        _key_in(settings.api.key_file)
    raise ConfigError(
        "no API key; set HARVESTER_API_KEY, api.key_file or api.key to the one from "
        f"{_WHERE_KEYS_ARE}"
    )


def warnings(settings: Settings) -> list[str]:
    """Return what is allowed but hardly meant, one line each."""
    return [*_pace_warnings(settings.api), *_key_warnings(settings), *_job_warnings(settings)]


def example() -> str:
    """Return the text of `config.example.toml`, from the wheel or from the checkout."""
    package = files("harvester")
    inside = package.joinpath("config.example.toml")
    beside = Path(str(package)).parent / "config.example.toml"
    return (inside if inside.is_file() else beside).read_text(encoding="utf-8")


def _toml(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{origin}not valid TOML: {error}") from None


def _overlay(content: dict[str, Any], environ: Mapping[str, str]) -> dict[Place, str]:
    overrides: dict[Place, str] = {}
    for section, key, annotation in _scalars():
        variable = f"HARVESTER_{section}_{key}".upper()
        table = content.setdefault(section, {})
        # An empty variable is what `docker compose` passes for an unset one.
        if environ.get(variable) and isinstance(table, dict):
            table[key] = _understood(environ[variable], annotation)
            overrides[section, key] = variable
    return overrides


def _scalars() -> Iterator[tuple[str, str, Any]]:
    for section, model in _FROM_ENVIRONMENT.items():
        for key, field in keys_of(model).items():
            yield section, key, field.annotation


def _understood(text: str, annotation: Any) -> object:  # noqa: ANN401 - any type there is
    if annotation not in _NOT_WRITTEN_AS_TEXT:
        return text
    try:
        return TypeAdapter(annotation).validate_python(text)
    except ValidationError:
        return text  # refused like everything else, with the same words


def _anchored(settings: Settings, folder: Path) -> Settings:
    api, database = settings.api, settings.database
    if api.key_file:
        api = api.model_copy(update={"key_file": _absolute(folder, api.key_file)})
    if file := sqlite_file(database.url):
        url = f"sqlite:///{_absolute(folder, file)}"
        database = database.model_copy(update={"url": url})
    return settings.model_copy(update={"api": api, "database": database})


def _absolute(folder: Path, name: str) -> str:
    try:
        return str((folder / Path(name).expanduser()).absolute())
    except RuntimeError:
        raise ConfigError(f"{name}: there is no such home directory") from None


def _with_key(settings: Settings) -> Settings:
    if settings.api.key.get_secret_value() or not settings.api.key_file:
        return settings
    try:
        key = _key_in(settings.api.key_file)
    except ConfigError:
        # Who only reads the database may well be denied the key: `require_credentials`
        # complains where it is needed.
        return settings
    return settings.model_copy(update={"api": settings.api.model_copy(update={"key": key})})


def _key_in(name: str) -> SecretStr:
    try:
        key = Path(name).read_text(encoding="utf-8-sig", errors="replace").strip()
        return checked_key(SecretStr(key or " "))
    except OSError as error:
        raise ConfigError(f"api.key_file {name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"api.key_file {name} must hold the key and nothing else") from None


def _pace_warnings(api: ApiSettings) -> Iterator[str]:
    base = urlsplit(api.base_url)
    if base.hostname == _HOME and api.requests_per_second > _KNOWN_FINE:
        yield (
            f"api.requests_per_second = {api.requests_per_second:g} is more than {_HOME} "
            f"is known to bear; up to {_KNOWN_FINE:g} are fine"
        )
    if base.scheme == "http" and base.hostname not in {"localhost", "127.0.0.1", "::1"}:
        yield f"api.base_url = {api.base_url} sends the key unencrypted; use https"


def _key_warnings(settings: Settings) -> Iterator[str]:
    if settings.api.key_file and _is_open(Path(settings.api.key_file)):
        yield f"the key in {settings.api.key_file} can be read by everybody; `chmod o-r` it"
    if settings.path and _is_open(settings.path) and _holds_key(settings.path):
        yield f"the key in {settings.path} can be read by everybody; `chmod o-r` it"


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _holds_key(path: Path) -> bool:
    return bool(_toml(read(path), f"{path}: ").get("api", {}).get("key"))


def _contradictions(settings: Settings) -> Iterator[str]:
    """Find adaptive intervals whose longest, as set, is shorter than their shortest."""
    for name in JOBS:
        job = settings.jobs.of(name)
        if job.adaptive and "at_most" in job.model_fields_set:
            longest = Every(int(job.at_most.total_seconds()))
            for key, shortest in _shortest(settings, name):
                if longest.seconds < shortest.seconds:
                    ends = f"{readable(longest)} is shorter than {key} = {readable(shortest)}"
                    yield f"jobs.{name}.at_most = {ends}; an adaptive interval goes from there up"


def _shortest(settings: Settings, job: str) -> Iterator[tuple[str, Every]]:
    """List where the file says how often a job asks at most."""
    general = settings.jobs.of(job).every
    sweep = Every(int(settings.jobs.unlocks.sweep.total_seconds()))
    on_change = isinstance(general, OnChange)
    own = ((f"game {game.id}: every", game.every.get(job)) for game in settings.watch.games)
    some = [(f"jobs.{job}.{'sweep' if on_change else 'every'}", sweep if on_change else general)]
    yield from ((key, every) for key, every in [*some, *own] if isinstance(every, Every))


def _job_warnings(settings: Settings) -> Iterator[str]:
    for name in JOBS:
        job = settings.jobs.of(name)
        if job.adaptive and isinstance(job.every, Cron):
            yield f"jobs.{name}.adaptive has no effect on a cron expression; use a duration"
