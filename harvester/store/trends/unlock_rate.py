"""How many unlocks fall into each period, by their own dates.

dated rows -> counts per achievement and period, where the list is known (`listed.py`). An
unlock has the date that RA's lists show and order by: that in hardcore, else the first one.
Dates reach back before the first poll; rows that were taken back do not count.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, func, select

from harvester.store import many, schema
from harvester.store.series import Span
from harvester.store.subjects import Label, Labels
from harvester.store.trends.listed import UNREAD, extents

Subjects: TypeAlias = Mapping[str, Labels]
Spans: TypeAlias = Sequence[Span]
Counts: TypeAlias = Mapping[tuple[int, int, bool], int]  # by achievement, period, hardcore

VALUES = ("unlocks", "unlocks_hardcore", "is_listed")
AT_ONCE = 10_000  # rows fetched together: memory does not grow with the list
_dated = schema.unlocks.c


def curves(
    conn: Connection, asked: Subjects, spans: Spans
) -> Iterator[tuple[Label, list[list[dict[str, Any]]]]]:
    """Count the unlocks of every achievement in every period, None where not all are known.

    Cost: O(rows of these achievements); only those dated in the range are fetched.
    """
    own = asked["achievement"]
    known, counts = extents(conn, own), _counts(conn, own, spans)
    for achievement, label in own.items():
        extent = known.get(achievement, UNREAD)
        listed = (extent.has(span, is_last=span is spans[-1]) for span in spans)
        told = [
            _told(counts, achievement, place, is_listed=one) for place, one in enumerate(listed)
        ]
        yield label, [[values] for values in told]


def _told(counts: Counts, achievement: int, place: int, *, is_listed: bool) -> dict[str, Any]:
    if not is_listed:
        return dict.fromkeys(VALUES) | {"is_listed": False}
    casual, hardcore = (counts[achievement, place, is_hardcore] for is_hardcore in (False, True))
    return {"unlocks": casual + hardcore, "unlocks_hardcore": hardcore, "is_listed": True}


def _counts(conn: Connection, achievements: Collection[int], spans: Spans) -> Counts:
    starts, counts = [span.since for span in spans], Counter[tuple[int, int, bool]]()
    for row in conn.execute(_within(achievements, spans)).yield_per(AT_ONCE):
        counts[_place(row, starts)] += 1
    return counts


def _within(achievements: Collection[int], spans: Spans) -> Select[int, datetime, bool]:
    """Select whose current unlocks are dated in the range."""
    awarded_at = func.coalesce(_dated.hardcore_at, _dated.unlocked_at)
    return (
        select(_dated.achievement_id, awarded_at, _dated.hardcore_at.is_not(None))
        .where(_dated.valid_to.is_(None), many.among(_dated.achievement_id, achievements))
        .where(awarded_at >= spans[0].since, awarded_at < spans[-1].until)
    )


def _place(row: Row[int, datetime, bool], starts: Sequence[datetime]) -> tuple[int, int, bool]:
    achievement, at, is_hardcore = row
    return achievement, bisect_right(starts, at) - 1, is_hardcore
