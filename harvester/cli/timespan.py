"""`--since`, `--until` and other instants of the commands that ask about time."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from harvester import wording
from harvester.errors import ConfigError
from harvester.store.series import Span, parse_instant

T = TypeVar("T")


def timespan(since: str, until: str, *, now: datetime, zone: tzinfo = UTC) -> Span:
    """Read both ends; what would end in the future ends now.

    Raises `ConfigError` where nothing lies between, or all of it in the future.
    """
    start = past("--since", since, now=now, zone=zone)
    end = min(instant("--until", until, now=now, zone=zone), now)
    if start >= end:
        ends = bounds(Span(start, end))
        raise ConfigError(f"nothing lies between {ends}; --since is to be before --until")
    return Span(start, end)


def bounds(span: Span) -> str:
    """Write both ends for a line that speaks of what lies between."""
    since, until = (wording.instant(end, UTC) for end in span)
    return f"{since} and {until} UTC"


def past(name: str, text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read an instant that is to be over; else `ConfigError`."""
    at = instant(name, text, now=now, zone=zone)
    if at > now:
        raise ConfigError(f"{name} {text} lies in the future, of which nothing is known")
    return at


def instant(name: str, text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read what an option says; `ConfigError` where that is no instant."""
    return read(name, text, lambda own: parse_instant(own, now, zone))


def read(name: str, text: str, parse: Callable[[str], T]) -> T:
    """Parse what an option says; `ConfigError` where that is not possible."""
    try:
        return parse(text)
    except ValueError as wrong:
        raise ConfigError(f"{name} {text}: {wrong}") from None
