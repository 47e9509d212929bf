"""What a request asks for: its period, its keys, its numbers. The address is all there is."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.datastructures import QueryParams
from starlette.requests import Request

from harvester.errors import ConfigError
from harvester.store import series
from harvester.store.series import Period
from harvester.web.site import Site, site_of

T = TypeVar("T")

KEYS: Final = ("game", "achievement", "user", "developer")
PERIOD: Final = ("since", "until", "every", "zone")
DEFAULTS: Final = {"since": "30d", "until": "now", "every": "1d"}
MOST_PERIODS: Final = 2_000
MOST_KEYS: Final = 50
LARGEST_ID: Final = 2**53
_LONGEST: Final = 100  # characters of a word in the address
_DIGITS: Final = 16  # as many as the largest id has


@dataclass(frozen=True)
class Window:
    """The period that is asked for, and when; `words` are those of the address, or the usual."""

    since: datetime
    until: datetime
    every: Period
    zone: ZoneInfo
    now: datetime
    words: Mapping[str, str]

    @property
    def periods(self) -> float:
        """How many periods it has, about."""
        return (self.until - self.since) / _length(self)

    def bounds(self, **more: object) -> str:
        """Write both ends as the query of an address, with more in front of it."""
        words = {name: self.words[name] for name in ("since", "until", "zone")}
        return urlencode({**more, **words}, doseq=True)

    def query(self, **more: object) -> str:
        """Write it as the query of an address, with more in front of it."""
        return urlencode({**more, **self.words}, doseq=True)


def window(request: Request) -> Window:
    """Read what is to be cut into periods: not more than a page can show.

    Raises `ConfigError` for what makes none.
    """
    made = whole(request)
    if made.periods > MOST_PERIODS:
        raise ConfigError(f"more than {MOST_PERIODS:,} periods: choose longer or fewer ones")
    return made


def whole(request: Request) -> Window:
    """Read what is asked for as a whole, however long. Raises `ConfigError` for what makes none."""
    site = site_of(request)
    words = _words(request.query_params, site)
    now = site.now()
    zone = zone_of(words["zone"])
    since, until = (
        min(_read(end, words[end], lambda text: series.parse_instant(text, now, zone)), now)
        for end in ("since", "until")
    )
    every = _read("every", words["every"], series.parse_every)
    if since >= until:
        raise ConfigError("nothing lies between since and until")
    return Window(since, until, every, zone, now, words)


def clock_of(request: Request, during: Window) -> ZoneInfo | None:
    """Tell whose clock a file shows: the period's; None, which is UTC, where nobody named one."""
    is_named = word(request.query_params, "zone") or during.words["zone"] != Site.zone
    return during.zone if is_named else None


def _words(query: QueryParams, site: Site) -> dict[str, str]:
    usual = {**DEFAULTS, "zone": site.zone}
    return {name: word(query, name) or usual[name] for name in PERIOD}


def kept(request: Request) -> str:
    """Write the period that was chosen, if it makes one, as what follows another page's address."""
    with suppress(ConfigError):
        window(request)
        return _chosen(request.query_params)
    return ""


def _chosen(query: QueryParams) -> str:
    chosen = {name: query[name] for name in PERIOD if query.get(name)}
    return f"?{urlencode(chosen)}" if chosen else ""


def word(query: QueryParams, name: str) -> str:
    """Take one word of the address; "" where it is missing."""
    return plain(name, str(query.get(name, "")))


def plain(name: str, given: str) -> str:
    """Refuse what is too long or no text to be printed."""
    text = given.strip()
    if len(text) > _LONGEST:
        raise ConfigError(f"{name} is longer than {_LONGEST} characters")
    if not text.isprintable():
        raise ConfigError(f"{name} holds characters that cannot be printed")
    return text


def _read(name: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as wrong:
        raise ConfigError(f"{name} {text!r}: {wrong}") from None


def zone_of(name: str) -> ZoneInfo:
    """Find a time zone. Raises `ConfigError` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        told = 'must be the name of a time zone such as "UTC" or "Europe/Berlin"'
        raise ConfigError(f"zone {name!r}: {told}") from None


def _length(made: Window) -> timedelta:
    """Tell how long a whole period is, about."""
    try:
        first = made.every.after(made.since)
        return made.every.after(first) - first
    except (OverflowError, ValueError):
        raise ConfigError(f"every {made.words['every']!r}: no calendar goes so far") from None


def ends(request: Request) -> dict[str, datetime]:
    """Read those of both ends of a time that the address names, for what has no usual period."""
    query, site = request.query_params, site_of(request)
    zone, now = zone_of(word(query, "zone") or site.zone), site.now()
    named = {name: text for name in ("since", "until") if (text := word(query, name))}
    return {
        name: _read(name, text, lambda own: series.parse_instant(own, now, zone))
        for name, text in named.items()
    }


def keys(query: QueryParams) -> dict[str, list[str]]:
    """Take the keys from the address. Raises `ConfigError` where there are too many."""
    found = {
        name: [plain(name, one) for one in query.getlist(name) if one.strip()] for name in KEYS
    }
    if sum(map(len, found.values())) > MOST_KEYS:
        raise ConfigError(f"more than {MOST_KEYS} keys: ask for fewer at a time")
    return found


def ids(texts: Sequence[str], name: str) -> list[int]:
    """Read ids. Raises `ConfigError` for what is none."""
    return [_id(text, name) for text in texts]


def _id(text: str, name: str) -> int:
    if (
        text.isascii()
        and text.isdecimal()
        and len(text) <= _DIGITS
        and 1 <= int(text) <= LARGEST_ID
    ):
        return int(text)
    raise ConfigError(f"{name} {text[:_LONGEST]!r} is no id; it is the number in RA's address")


def number(query: QueryParams, name: str, *, usual: int, most: int) -> int:
    """Read a whole number from 1; `usual` where it is missing, never more than `most`."""
    text = word(query, name) or str(usual)
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) >= 1):
        raise ConfigError(f"{name} {text!r} must be a whole number from 1")
    return min(int(text), most)
