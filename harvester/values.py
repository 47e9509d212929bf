"""What a single configured value may be.

Checks are plain functions that return the value or raise a `ValueError`, whose text follows
the key and the value in the message to the user ("must be …"). The types at the end carry
them into the models of `settings`.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from harvester.schedule import (
    DURATION,
    SCHEDULE,
    Clockwork,
    OnChange,
    Schedule,
    parse_duration,
    parse_schedule,
)

GAME_JOBS = ("game-tickets", "distribution", "progress", "unlocks")

LARGEST = 2**53
GAME_ID = f"a game id from 1 to {LARGEST}"
USER = "a user name (2 to 20 letters, digits or _) or a ULID (26 characters)"

_USER = re.compile(r"[A-Za-z0-9_]{2,20}|[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")
_SQLITE = re.compile(r"sqlite:///([^?\x00-\x1f]+)")
_POSTGRESQL = re.compile(
    r"postgresql(\+psycopg)?://"
    r"(\S*@)?"  # user and password
    r"(\[[0-9A-Fa-f:.]+\]|[^\s:/?@\[\]]*)(:[0-9]{1,5})?"  # host and port
    r"([/?]\S*)?"  # database and options
)


def checked_user(name: str) -> str:
    """Return `name` if it can be a RetroAchievements user name or a ULID, else `ValueError`."""
    if not _USER.fullmatch(name):
        raise ValueError(f"must be {USER}")
    return name


def checked_game_id(number: int) -> int:
    """Return `number` if it can be a game's id, else `ValueError`."""
    if not 1 <= number <= LARGEST:
        raise ValueError(f"must be {GAME_ID}")
    return number


def checked_key(key: SecretStr) -> SecretStr:
    """Return `key` if it can stand in a URL and in a header, or is empty, else `ValueError`."""
    if not re.fullmatch(r"[!-~]*", key.get_secret_value()):
        raise ValueError("must be printable ASCII characters without spaces")
    return key


def sqlite_file(url: str) -> str | None:
    """Return the file that an SQLite `url` names, as written, or None for another database."""
    match = _SQLITE.fullmatch(url)
    return match and match[1]


def shown_url(url: str) -> str:
    """Return a database or base URL as it may be shown: without its passwords.

    Hides rather too much than too little, because drivers accept passwords with any
    character in them.
    """
    if "://" not in url:
        return "***" if "@" in url else url
    hidden = re.sub(r"(://[^:/]*):.*@", r"\1:***@", url, flags=re.DOTALL)
    return re.sub(r"(?i)([?&]\w*password=)[^&]*", r"\1***", hidden)


def _username(name: str) -> str:
    return name and checked_user(name)


def _contact(text: str) -> str:
    if not re.fullmatch(r"[ -~]{0,200}", text):
        raise ValueError("must be at most 200 printable ASCII characters")
    return text


def _base_url(url: str) -> str:
    if not (re.fullmatch(r"https?://[!-~]+", url) and _is_plain(url)):
        raise ValueError('must be an address such as "https://retroachievements.org/API/"')
    return f"{url.rstrip('/')}/"


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not re.search("[@?#]", url)
    except ValueError:  # a port or an IPv6 address that is none
        return False


def _database_url(url: str) -> str:
    file = sqlite_file(url)
    if file is None and not _POSTGRESQL.fullmatch(url):
        raise ValueError('must be "sqlite:///FILE" or "postgresql://USER@HOST/NAME"')
    if file is not None and file.startswith((":memory:", "file:")):
        raise ValueError("must name a file: nothing would be remembered in memory")
    return url


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), n=1)
        hint = f', did you mean "{near[0]}"?' if near else ""
        raise ValueError(f'must be a time zone such as "Europe/Berlin"{hint}') from None
    return name


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(_text(value, DURATION))


def _schedule(value: object) -> Schedule:
    if isinstance(value, Schedule):
        return value
    return parse_schedule(_text(value, SCHEDULE))


def _clockwork(value: object) -> Clockwork:
    schedule = _schedule(value)
    if isinstance(schedule, OnChange):
        raise ValueError(f"must be {SCHEDULE}")  # noqa: TRY004 - pydantic collects no TypeError
    return schedule


def _text(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be {wanted}")  # noqa: TRY004 - pydantic collects no TypeError
    return value


def _schedules(value: object) -> dict[str, Schedule]:
    if not isinstance(value, Mapping):
        raise ValueError('must be a table such as { game-tickets = "15m" }')  # noqa: TRY004 - pydantic collects no TypeError
    return {job: _schedule_of(job, schedule) for job, schedule in value.items()}


def _schedule_of(job: str, value: object) -> Schedule:
    if job not in GAME_JOBS:
        near = get_close_matches(job, GAME_JOBS, n=1, cutoff=0)[0]
        raise ValueError(f'{json.dumps(job)} is no job of a game, did you mean "{near}"?')
    try:
        return _schedule(value) if job == "unlocks" else _clockwork(value)
    except ValueError as error:
        raise ValueError(f"{job} = {json.dumps(value, default=str)} {error}") from None


def _game_id(value: object) -> int:
    # True and false are integers to Python, and nonsense here.
    return checked_game_id(value if isinstance(value, int) and value is not True else 0)


def _user(value: object) -> str:
    return checked_user(_text(value, USER))


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise ValueError(f'"{name}" is listed twice')
        seen.add(name.lower())
    return names


Switch = Annotated[bool, Field(strict=True, description="true or false")]
GameId = Annotated[int, BeforeValidator(_game_id)]
Username = Annotated[str, AfterValidator(_username), Field(description=USER)]
Users = Annotated[
    tuple[Annotated[str, BeforeValidator(_user)], ...],
    AfterValidator(_each_once),
    Field(description='a list of user names or ULIDs such as ["MaxMilyin"]'),
]
Key = Annotated[SecretStr, AfterValidator(checked_key), Field(description="a text in quotes")]
Contact = Annotated[str, AfterValidator(_contact), Field(description="a text in quotes")]
BaseUrl = Annotated[str, AfterValidator(_base_url), Field(description="an address in quotes")]
DatabaseUrl = Annotated[str, AfterValidator(_database_url), Field(description="a URL in quotes")]
Timezone = Annotated[str, AfterValidator(_timezone), Field(description="a name in quotes")]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
ByClock = Annotated[Clockwork, BeforeValidator(_clockwork)]
ByClockOrChange = Annotated[Schedule, BeforeValidator(_schedule)]
Schedules = Annotated[dict[str, Schedule], BeforeValidator(_schedules)]
