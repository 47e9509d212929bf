"""How many unlocks fall into each period, by their own dates.

dated rows -> counts per achievement and period, where the list is known (`listed.py`). An
unlock has the date that RA's lists show and order by: that in hardcore, else the first one.
Dates reach back before the first poll; rows that were taken back do not count. Beside them
stands by how much RA's own counter moved, where it was seen at both ends of the period.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from math import gcd
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Connection, Select, func, literal_column, select, text

from harvester.store import many, schema
from harvester.store.instants import Seconds
from harvester.store.trends import counters, listed
from harvester.store.trends.asking import UNKNOWN, Curve, Question, Spans, Values
from harvester.store.trends.courses import Course

Counts: TypeAlias = Mapping[tuple[int, int, bool], int]  # by achievement, period, hardcore

VALUES = ("unlocks", "unlocks_hardcore", "counted")
A_DAY = 86_400  # seconds
_dated = schema.unlocks.c


def curves(question: Question) -> Iterator[Curve]:
    """Count the unlocks of every achievement in every period, None where not all are known.

    Cost: O(rows of these achievements), counted by the database.
    """
    conn, own, spans = question.conn, question.subjects["achievement"], question.spans
    known, counts = listed.extents(conn, own), _counts(conn, own, spans)
    moved = [moves(course, question.spans, "unlocks") for course in _counted(question)]
    for (achievement, label), counted in zip(own.items(), moved, strict=True):
        extent = known.get(achievement, listed.UNREAD)
        told = (_told(counts, achievement, place, extent, spans) for place in range(len(spans)))
        periods = zip(told, counted, strict=True)
        yield label, [[{**values, "counted": count}] for values, count in periods]


def _counted(question: Question) -> Iterator[Course]:
    return counters.unlocks(replace(question, is_range=True))


def moves(course: Course, spans: Spans, name: str) -> list[int | None]:
    """Tell by how much a counter moved in each period, None where it was not seen at both ends."""
    points = course.at([spans[0].since, *(span.until for span in spans)])
    seen = [None if values is None else values[name] for values in points]
    return [
        None if before is None or after is None else after - before
        for before, after in pairwise(seen)
    ]


def _told(
    counts: Counts, achievement: int, place: int, extent: listed.Extent, spans: Spans
) -> Values:
    span = spans[place]
    if not extent.has(span, is_last=span is spans[-1]):
        return UNKNOWN
    casual, hardcore = (counts[achievement, place, is_hardcore] for is_hardcore in (False, True))
    told = {"unlocks": casual + hardcore, "unlocks_hardcore": hardcore}
    return {**told, "is_observed": True, "basis": extent.basis(span)}


def _counts(conn: Connection, achievements: Collection[int], spans: Spans) -> Counts:
    starts, counts = [span.since for span in spans], Counter[tuple[int, int, bool]]()
    grain = _grain(spans)
    for achievement, part, is_hardcore, count in conn.execute(_within(achievements, spans, grain)):
        at = max(datetime.fromtimestamp(part * grain, UTC), starts[0])
        counts[achievement, bisect_right(starts, at) - 1, is_hardcore] += count
    return counts


def _grain(spans: Spans) -> int:
    """Tell the longest parts of a day, in seconds since 1970, that lie in one period each."""
    return gcd(A_DAY, *(int(span.since.timestamp()) for span in spans[1:]))


def _within(achievements: Collection[int], spans: Spans, grain: int) -> Select[int, int, bool, int]:
    """Count by parts of a day whose current unlocks are dated in the range."""
    awarded_at = func.coalesce(_dated.hardcore_at, _dated.unlocked_at)
    part = Seconds(awarded_at) // literal_column(str(grain), BigInteger)
    is_hardcore = _dated.hardcore_at.is_not(None)
    return (
        select(_dated.achievement_id, part.label("part"), is_hardcore.label("is_hardcore"))
        .add_columns(func.count())
        .where(_dated.valid_to.is_(None), many.among(_dated.achievement_id, achievements))
        .where(awarded_at >= spans[0].since, awarded_at < spans[-1].until)
        .group_by(_dated.achievement_id, text("part"), text("is_hardcore"))
    )


def missing(question: Question, rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Tell in one line which lists are not known, and where RA's counters say something else."""
    told = [listed.missing(question), disagreement(rows, "unlocks")]
    return "; ".join(words for words in told if words) or None


def disagreement(rows: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """Tell how far what is dated and RA's counters are apart, of all rows that have both."""
    both = [row for row in rows if row.get(name) is not None and row.get("counted") is not None]
    apart = [row for row in both if row[name] != row["counted"]]
    if not apart:
        return None
    dated, counted = (sum(row[column] for row in both) for column in (name, "counted"))
    return (
        f"dates and RA's counters disagree in {len(apart)} of {len(both)} rows that have both: "
        f"{dated} by their dates, {counted} by the counters, each as it was last looked at"
    )
