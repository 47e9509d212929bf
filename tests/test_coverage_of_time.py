"""Coverage and holes are two views of one thing, over histories that nobody thought of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looks import prove
from sqlalchemy import Connection, Engine

from harvester.store import gaps, interruptions, polls, report, schema, series, trends
from harvester.store.evidence import TOLERANCE
from harvester.store.polls import Wanted
from harvester.store.series import EVER, Span, common, joined, without

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MONTH = 30 * 24 * 60
WORDS = ("changed", "unchanged", "unavailable", "invalid", "not_found")
Row = tuple[int, int, str, int | None]  # minutes before it, how long it lasts, outcome, promised

rows = st.lists(
    st.tuples(
        st.integers(0, 5000),
        st.one_of(st.just(0), st.integers(0, 3000)),
        st.sampled_from(WORDS),
        st.one_of(st.none(), st.integers(1, 2000)),
    ),
    max_size=12,
)
pauses = st.dictionaries(  # before which look: so long after the one before it, and how long
    st.integers(0, 12), st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=3
)
spans = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), max_size=5)
ends = st.tuples(st.integers(0, 2 * MONTH), st.integers(0, 2 * MONTH)).filter(lambda e: e[0] > e[1])


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """Yield a connection whose work is taken back after each example."""
    with engine.connect() as conn:
        yield conn


def write(
    conn: Connection,
    watched: int,
    every: int,
    history: Sequence[Row],
    runs: Sequence[tuple[int, int]],
    pauses: Mapping[int, tuple[int, int]],
) -> list[Span]:
    """Watch a poll since so many minutes ago, with this evidence and these processes.

    Tell when it was away from the watchlist.
    """
    begun = NOW - watched * MINUTE
    wanted = [Wanted("game-tickets", "game 1", "x", every * 60, game_id=1)]
    polls.plan(conn, wanted, at=begun)
    at, away = begun, []
    for number, (before, long, outcome, promised) in enumerate(history, start=1):
        stays, leaves = pauses.get(number, (0, 0))
        pause = Span(at + stays * MINUTE, at + (stays + leaves) * MINUTE)
        if number in pauses and pause.until <= NOW:
            polls.plan(conn, [], at=pause.since)
            polls.plan(conn, wanted, at=pause.until)
            at = pause.until
            away.append(pause)
        first = at + before * MINUTE
        at = first + long * MINUTE * (outcome == "unchanged")
        if at > NOW:
            break
        row = {"id": number, "poll_id": 1, "job": "game-tickets", "first_at": first, "last_at": at}
        counts = {"times": 1, "requests": 1, "rows_opened": 0, "rows_closed": 0, "error": ""}
        own = {"outcome": outcome, "interval_seconds": promised and promised * 60}
        prove(conn, **row | counts | own)
    _live(conn, begun, runs)
    return [pause for pause in away if pause.since < pause.until]


def _live(conn: Connection, at: datetime, runs: Sequence[tuple[int, int]]) -> None:
    for number, (before, long) in enumerate(runs, start=1):
        first = at + before * MINUTE
        at = first + long * MINUTE
        own = {"id": number, "command": "run", "version": "1", "pid": 1, "host": "box"}
        lived = {"started_at": first, "beat_at": at, "ended_at": at}
        conn.execute(schema.runs.insert().values(own | lived))
        interruptions.begin(conn, interruptions.BUDGET, at=first + MINUTE)
        interruptions.end(conn, at=first + long // 2 * MINUTE + MINUTE)


def truth(
    conn: Connection, begun: datetime, away: Sequence[Span], since: datetime, until: datetime
) -> list[Span]:
    """Find the holes by reading all the evidence, one row after the other."""
    (poll,) = conn.execute(schema.polls.select()).all()
    looks = schema.fetches.select().where(schema.fetches.c.outcome.in_(WORDS[:2]))
    rows = conn.execute(looks.order_by(schema.fetches.c.id)).all()
    found = []
    for watched in without([Span(begun, NOW)], away):
        last = watched.since
        for row in (row for row in rows if watched.since <= row.first_at <= watched.until):
            found.append((Span(last, row.first_at), row.interval_seconds or poll.interval_seconds))
            last = row.last_at
        found.append((Span(last, watched.until), poll.interval_seconds))
    late = [
        one
        for one, promised in found
        if (one.until - one.since).total_seconds() > TOLERANCE * promised
    ]
    clipped = [Span(max(one.since, since), min(one.until, until)) for one in late]
    return [one for one in clipped if one.since < one.until]


def merged(spans: Sequence[Span]) -> list[Span]:
    """Put together what follows at once."""
    whole: list[Span] = []
    for one in spans:
        if whole and whole[-1].until == one.since:
            whole[-1] = Span(whole[-1].since, one.until)
        else:
            whole.append(one)
    return whole


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(st.integers(1, 2 * MONTH), st.integers(1, 2000), rows, spans, ends, pauses)
def test_holes_are_what_coverage_lacks_and_what_the_evidence_says(
    conn: Connection,
    watched: int,
    every: int,
    history: list[Row],
    runs: list[tuple[int, int]],
    window: tuple[int, int],
    pauses: dict[int, tuple[int, int]],
) -> None:
    begun = NOW - watched * MINUTE
    with conn.begin_nested() as savepoint:
        away = write(conn, watched, every, history, runs, pauses)
        since = NOW - min(watched, MONTH) * MINUTE
        found = gaps.holes(conn, since=since, until=NOW, at=NOW)
        asked = Span(*(NOW - end * MINUTE for end in window))
        inside = gaps.holes(conn, since=asked.since, until=asked.until, at=NOW)
        (row,) = report.status(conn, at=NOW)
        real, real_inside = (truth(conn, begun, away, *ends) for ends in ((since, NOW), asked))
        savepoint.rollback()
    assert merged(_spans(_promised(found))) == merged(real)
    assert merged(_spans(_promised(inside))) == merged(real_inside)
    outside = [one for one in inside if one["reason"] in gaps.UNPROMISED]
    unwatched = joined([Span(EVER.since, begun), *away])
    assert merged(_spans(outside)) == common([asked], unwatched)
    missed, lived = _length(real), _length(without([Span(since, NOW)], joined(away)))
    assert row["coverage"] == (round(1 - missed / lived, 4) if lived else None)
    assert all(one["to_at"] <= other["from_at"] for one, other in pairwise(found))


@pytest.mark.no_cover  # as above
@settings(max_examples=examples(30), suppress_health_check=list(HealthCheck))
@given(st.integers(1, MONTH), st.integers(1, 2000), rows, pauses)
def test_a_trend_knows_nothing_exactly_where_there_is_a_hole(
    conn: Connection,
    watched: int,
    every: int,
    history: list[Row],
    pauses: dict[int, tuple[int, int]],
) -> None:
    with conn.begin_nested() as savepoint:
        conn.execute(schema.games.insert().values(id=1, title="Sonic", first_seen_at=NOW))
        away = write(conn, watched, every, history, (), pauses)
        since = NOW - (watched + 60) * MINUTE
        holes = truth(conn, NOW - watched * MINUTE, away, since, NOW)
        looks = schema.fetches.select().where(schema.fetches.c.outcome.in_(WORDS[:2]))
        seen = conn.execute(looks).all()
        first = min((look.first_at for look in seen), default=None)
        lasting = NOW if all(look.last_at < NOW for look in seen) else None
        hourly = series.parse_every("1h")
        asked = trends.answer(conn, "game-tickets", games=[1], since=since, until=NOW, every=hourly)
        savepoint.rollback()
    promised = max([every, *(row[3] or 0 for row in history)])
    near = timedelta(minutes=TOLERANCE * promised)  # of a pause, trends go by looks alone
    for row in asked.rows:
        at = row["time"]
        if any(one.since - near <= at <= one.until + near for one in away):
            continue
        is_missed = any(one.since < at < one.until or at == lasting == one.until for one in holes)
        is_known = first is not None and first <= at and not is_missed
        assert row["is_observed"] == is_known, at


def _promised(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["reason"] not in gaps.UNPROMISED]


def _length(spans: Sequence[Span]) -> timedelta:
    return sum((one.until - one.since for one in spans), timedelta())


def _spans(found: Sequence[dict[str, datetime]]) -> list[Span]:
    return [Span(one["from_at"], one["to_at"]) for one in found]
