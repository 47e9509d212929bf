"""Why a poll was not looked at for a while: what the tables tell of that time.

runs, interruptions, failed looks -> layers of known stretches -> one reason for every moment
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from operator import attrgetter
from typing import Final, TypeAlias

from sqlalchemy import Connection, select

from harvester.store import interruptions, schema
from harvester.store.evidence import TOLERANCE
from harvester.store.interruptions import DOWN, REFUSED
from harvester.store.series import Span

UNSEEN: Final = "not yet looked at"
UNASKED: Final = "not asked"
FRESH: Final = timedelta(minutes=5)  # a sign of life that is no older is one of now
_WORDS: Final = {"invalid": "invalid answer", "refused": REFUSED, "not_found": "not found"}
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

Why: TypeAlias = tuple[Span, str]
Failure: TypeAlias = tuple[datetime, str]

fetches, runs = schema.fetches, schema.runs


@dataclass(frozen=True)
class Hole:
    """A time without a look at a poll, which was promised one every so often.

    `urgency` is the class of polls that it belonged to (`polls.ROUTINE` ...), `is_first`
    tells that it had not been looked at before.
    """

    poll: int
    span: Span
    promised: timedelta
    urgency: int
    is_first: bool


@dataclass(frozen=True)
class Known:
    """When no process was there, what kept all from being asked, and which looks failed.

    Spans of one kind are in the order of time, and do not overlap.
    """

    absences: Sequence[Span]
    interruptions: Mapping[tuple[int, str], Sequence[Span]]
    failures: Mapping[int, Sequence[Failure]]
    _long: dict[timedelta, Sequence[Span]] = field(default_factory=dict)

    def absences_over(self, length: timedelta) -> Sequence[Span]:
        """List the absences that are longer, sifted once for each length."""
        if length not in self._long:
            those = [one for one in self.absences if one.until - one.since > length]
            self._long[length] = those
        return self._long[length]


def read(conn: Connection, some: Collection[int], *, at: datetime) -> Known:
    """Read what is known up to now of some polls. Cost: O(runs, interruptions, failures)."""
    kept: dict[tuple[int, str], list[Span]] = defaultdict(list)
    table = schema.interruptions
    for row in conn.execute(select(table).order_by(table.c.started_at)):
        kept[row.priority, row.reason].append(Span(row.started_at, row.ended_at or at))
    return Known(list(_absences(conn, at)), kept, _failures(conn, some) if some else {})


def _absences(conn: Connection, at: datetime) -> Iterator[Span]:
    """Tell when no process was there, the time before the first one included."""
    last = _BEGINNING
    lived = select(runs.c.started_at, runs.c.ended_at, runs.c.beat_at).order_by(runs.c.id)
    for started_at, ended_at, beat_at in conn.execute(lived):
        if started_at > last:
            yield Span(last, started_at)
        is_alive = ended_at is None and at - beat_at <= FRESH
        last = max(last, at if is_alive else ended_at or beat_at)
    if at > last:
        yield Span(last, at)


def _failures(conn: Connection, some: Collection[int]) -> Mapping[int, Sequence[Failure]]:
    failed: dict[int, list[Failure]] = defaultdict(list)
    told = select(fetches.c.poll_id, fetches.c.first_at, fetches.c.outcome, fetches.c.error)
    is_failure = fetches.c.error.is_not(None) & fetches.c.outcome.not_in(schema.SUCCESSES)
    order = (fetches.c.poll_id, fetches.c.last_at, fetches.c.id)
    for poll, at, outcome, error in conn.execute(told.where(is_failure).order_by(*order)):
        if poll in some:
            failed[poll].append((at, _reason(outcome, error or "")))
    return failed


def _reason(outcome: str, error: str) -> str:
    return _WORDS.get(outcome) or interruptions.named(error)


def explained(hole: Hole, known: Known) -> list[Why]:
    """Cut a hole into stretches that have one reason each, in the order of time.

    What nothing is known of belongs to the trouble before it, or after it, for as long as a
    look may be late: a poll is not due at once. Longer ones were not asked.
    """
    late = TOLERANCE * hole.promised
    nobody = UNSEEN if hole.is_first else UNASKED
    sure: list[Why] = []
    for (span, reason), after in _with_next(_painted(hole.span, list(_layers(hole, known)))):
        if reason is None and span.until - span.since <= late:
            reason = sure[-1][1] if sure else after  # noqa: PLW2901 - the word for this very stretch
        _append(sure, span, reason or nobody)
    return sure


def _with_next(
    painted: Sequence[tuple[Span, str | None]],
) -> Iterator[tuple[tuple[Span, str | None], str | None]]:
    following = [reason for _, reason in painted[1:]]
    return zip(painted, [*following, None], strict=True)


def _append(sure: list[Why], span: Span, reason: str) -> None:
    """Add a stretch, to the one before it where the reason is the same."""
    if sure and sure[-1][1] == reason:
        sure[-1] = Span(sure[-1][0].since, span.until), reason
    else:
        sure.append((span, reason))


def _layers(hole: Hole, known: Known) -> Iterator[Why]:
    """List what is known of a hole; what comes later covers what comes before.

    An absence that alone made the poll late is a reason. It goes before all that failed
    where it is long enough to be the hole, else between two processes of cron's nothing
    would ever be "unavailable"; a key that is refused keeps everybody away.
    """
    absent = known.absences_over((TOLERANCE - 1) * hole.promised)
    yield from ((span, DOWN) for span in _meeting(absent, hole.span))
    yield from _failed(hole, known.failures.get(hole.poll, ()))
    yield from _interrupted(hole, known, is_refused=False)
    absent = known.absences_over(TOLERANCE * hole.promised)
    yield from ((span, DOWN) for span in _meeting(absent, hole.span))
    yield from _interrupted(hole, known, is_refused=True)


def _interrupted(hole: Hole, known: Known, *, is_refused: bool) -> Iterator[Why]:
    for (priority, reason), spans in known.interruptions.items():
        if priority <= hole.urgency and (reason == REFUSED) is is_refused:
            yield from ((span, reason) for span in _meeting(spans, hole.span))


def _failed(hole: Hole, failures: Sequence[Failure]) -> Iterator[Why]:
    """Let a failed look count until the next one: its poll rests meanwhile."""
    since, until = hole.span
    mine = [one for one in failures if since <= one[0] < until]
    following = pairwise([*mine, (until, "")])
    return ((Span(at, end), reason) for (at, reason), (end, _) in following)


def _meeting(spans: Sequence[Span], whole: Span) -> Iterator[Span]:
    """List the spans that share time with another one."""
    first = bisect_right(spans, whole.since, key=attrgetter("until"))
    for place in range(first, len(spans)):
        if spans[place].since >= whole.until:
            return
        yield spans[place]


def _painted(whole: Span, layers: Sequence[Why]) -> list[tuple[Span, str | None]]:
    """Tell what is on top at every moment; None where nothing is. O(n log n) for n layers."""
    ends = (min(max(end, whole.since), whole.until) for span, _ in layers for end in span)
    painted: list[tuple[Span, str | None]] = []
    for span, top in _tops(sorted({*whole, *ends}), layers):
        if painted and painted[-1][1] == top:
            painted[-1] = Span(painted[-1][0].since, span.until), top
        else:
            painted.append((span, top))
    return painted


def _tops(bounds: Sequence[datetime], layers: Sequence[Why]) -> Iterator[tuple[Span, str | None]]:
    """Tell what is on top between each two bounds; a layer lasts from one bound to another."""
    numbered = (
        (span.since, -number, span.until, reason) for number, (span, reason) in enumerate(layers)
    )
    coming, there = sorted(numbered, reverse=True), list[tuple[int, datetime, str]]()
    for since, until in pairwise(bounds):
        while coming and coming[-1][0] <= since:
            heappush(there, coming.pop()[1:])
        while there and there[0][1] <= since:
            heappop(there)
        yield Span(since, until), there[0][2] if there else None
