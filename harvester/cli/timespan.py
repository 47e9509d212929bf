"""`--since`, `--until` and other instants of the commands that ask about time."""

from datetime import UTC, datetime, tzinfo

from harvester.errors import ConfigError
from harvester.store.series import Span, parse_instant


def timespan(since: str, until: str, *, now: datetime, zone: tzinfo = UTC) -> Span:
    """Read both ends; what would end in the future ends now.

    Raises `ConfigError` where nothing lies between, or all of it in the future.
    """
    start = past("--since", since, now=now, zone=zone)
    end = min(instant("--until", until, now=now, zone=zone), now)
    if start >= end:
        ends = f"{start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}"
        raise ConfigError(f"nothing lies between {ends}; --since is to be before --until")
    return Span(start, end)


def past(name: str, text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read an instant that is to be over; else `ConfigError`."""
    at = instant(name, text, now=now, zone=zone)
    if at > now:
        raise ConfigError(f"{name} {text} lies in the future, of which nothing is known")
    return at


def instant(name: str, text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read what an option says; `ConfigError` where that is no instant."""
    try:
        return parse_instant(text, now, zone)
    except ValueError as wrong:
        raise ConfigError(f"{name} {text}: {wrong}") from None
