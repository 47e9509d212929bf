"""Sparklines: a line without axes, as the points of SVG polylines; holes stay holes. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

WIDTH: Final = 120
HEIGHT: Final = 24
_EDGE: Final = 2

Points = Sequence[float | None]


def lines(points: Points) -> list[str]:
    """Tell the polylines of what is known, one for each stretch without a hole."""
    known = [point for point in points if point is not None]
    if not known:
        return []
    places = list(_places(points, min(known), max(known)))
    return [" ".join(own) for own in _stretches(places)]


def _places(points: Points, low: float, high: float) -> Iterator[tuple[float, float] | None]:
    step = (WIDTH - 2 * _EDGE) / max(1, len(points) - 1)
    for number, point in enumerate(points):
        if point is None:
            yield None
        else:
            share = (point - low) / (high - low) if high > low else 0.5
            yield _EDGE + number * step, HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE)


def _stretches(places: Sequence[tuple[float, float] | None]) -> Iterator[list[str]]:
    """Cut at the holes; a single point becomes a dash, which can be seen."""
    for is_hole, group in groupby(places, key=lambda place: place is None):
        if not is_hole:
            own = [place for place in group if place]
            (left, tall), *others = own
            dash = own if others else [(left - _EDGE, tall), (left + _EDGE, tall)]
            yield [f"{x:.1f},{y:.1f}" for x, y in dash]
