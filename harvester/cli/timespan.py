"""`--since` and `--until` of the commands that ask about a stretch of time."""

from datetime import datetime

from harvester.errors import ConfigError
from harvester.store.series import Span, parse_instant


def timespan(since: str, until: str, *, now: datetime) -> Span:
    """Read both ends, neither in the future; `ConfigError` where nothing lies between."""
    read = Span(_read("--since", since, now), _read("--until", until, now))
    if read.since >= read.until:
        ends = f"{read.since:%Y-%m-%d %H:%M} and {read.until:%Y-%m-%d %H:%M}"
        raise ConfigError(f"nothing lies between {ends}; --since is to be before --until")
    return read


def _read(name: str, text: str, now: datetime) -> datetime:
    try:
        return min(parse_instant(text, now), now)
    except ValueError as wrong:
        raise ConfigError(f"{name} {text}: {wrong}") from None
