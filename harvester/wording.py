"""Numbers, shares and times as pages, the report and pictures write them for people. Pure."""

from datetime import datetime, timedelta, tzinfo
from typing import Final

from harvester.text import is_blank

NOTHING: Final = "\N{EN DASH}"
SHARE_DIGITS: Final = 2  # after the point of a percentage
_SHARES: Final = ("rarity", "completion")
_FEW: Final = 100


def titled(title: str | None, kind: str, own: object) -> str:
    """Tell what something is called: by its title, or where that shows nothing as "game 7"."""
    return f"{kind} {own}" if title is None or is_blank(title) else title


def is_share(column: str) -> bool:
    """Tell whether the values of a column are parts of 1."""
    return column.startswith(_SHARES)


def number(value: float | None) -> str:
    """Write a number with separators; what is no whole number with as many digits as matter."""
    if value is None:
        return NOTHING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{_digits(value)}f}"


def _digits(value: float) -> int:
    return 0 if abs(value) >= _FEW else 2


def share(value: float | None) -> str:
    """Write a part of 1 in percent."""
    return NOTHING if value is None else f"{value:.{SHARE_DIGITS}%}"


def instant(at: datetime | None, zone: tzinfo) -> str:
    """Write an instant as the clock of a zone shows it, to the minute."""
    return NOTHING if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def duration(value: timedelta) -> str:
    """Write a length of time in its two largest units."""
    minutes = round(value.total_seconds() / 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2]) or "under 1 min"
