"""Numbers as small bars, so that a table shows how a series goes. Pure."""

from collections.abc import Sequence
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"
ASCII_BARS: Final = "._-=+*#@"


def bars(values: Sequence[object], marks: str = BARS) -> list[str]:
    """Return a bar for each value, scaled from the least to the most; "" for what is no number.

    Values that are all the same get a bar of half the height.
    """
    numbers = [_number(value) for value in values]
    told = [one for one in numbers if one is not None]
    least, most = min(told, default=0.0), max(told, default=0.0)
    return ["" if one is None else marks[_height(one, least, most, marks)] for one in numbers]


def marks_for(encoding: str | None) -> str:
    """Choose the bars that an output of this encoding can show."""
    try:
        BARS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII_BARS
    return BARS


def _height(value: float, least: float, most: float, marks: str) -> int:
    share = (value - least) / (most - least) if most > least else 0.5
    return min(int(share * len(marks)), len(marks) - 1)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
