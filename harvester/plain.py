"""Values in the form that every door writes: commands, the API and exports say the same.

What JSON has no word for is told in text: instants, days, lengths of time, bytes.
"""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final

_AS_THEY_ARE: Final = frozenset({str, int, float})  # asked first: most cells are one of them
_UNSAFE: Final = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def json_text(value: object) -> str:
    """Write a value as JSON on one line, what a terminal would obey escaped."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, default=str)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def plain(value: object) -> object:
    """Turn a value into what JSON knows: instants as RFC 3339, no NaN, bytes in hex."""
    match value:
        case None | str() | int():
            return value
        case float() | Decimal():
            return float(value) if isfinite(value) else None
        case datetime():
            return f"{_to_the_second(value.astimezone(UTC), 'T')}Z"
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
    return _in_words(value)


def cell(value: object) -> str:
    """Write a value into one cell: instants by the clock of their zone, nothing as nothing."""
    if type(value) in _AS_THEY_ARE:
        return str(value)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return _to_the_second(value, " ")
        case list() | tuple() | dict():
            return json_text(value)
    return str(_in_words(value))


def _in_words(value: object) -> object:
    match value:
        case date():
            return value.isoformat()
        case timedelta():
            return hours(value)
        case bytes() | memoryview():
            return bytes(value).hex()
    return value


def hours(length: timedelta) -> str:
    """Write a length of time as H:MM:SS, days as hours: what spreadsheets read as one."""
    seconds = abs(length) // timedelta(seconds=1)
    sign = "-" if length < timedelta(0) else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _to_the_second(at: datetime, between: str) -> str:
    return at.isoformat(between, "seconds")[:19]  # a fifth of strftime's time
