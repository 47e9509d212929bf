"""A word-sized line: how something went, without axes. Nothing is drawn where nothing is known."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

WIDTH: Final = 100
HEIGHT: Final = 20
_EDGE: Final = 2


def strokes(values: Sequence[float | None]) -> list[str]:
    """Turn values into the points of SVG's polylines, one for each stretch without a hole."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    points = [
        (round(place * WIDTH / max(1, len(values) - 1), 1), _height(value, low, high))
        for place, value in enumerate(values)
    ]
    runs = (list(run) for is_known, run in groupby(points, _is_known) if is_known)
    return [" ".join(f"{x:g},{y:g}" for x, y in _long(run)) for run in runs]


def _is_known(point: tuple[float, float | None]) -> bool:
    return point[1] is not None


def _height(value: float | None, low: float, high: float) -> float | None:
    if value is None:
        return None
    share = (value - low) / (high - low) if high > low else 0.5
    return round(HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE), 1)


def _long(
    run: Sequence[tuple[float, float | None]],
) -> Sequence[tuple[float, float | None]]:
    """Make a dot of a single point: a line of no length would not be seen."""
    return [(run[0][0] - 0.5, run[0][1]), (run[0][0] + 0.5, run[0][1])] if len(run) == 1 else run
