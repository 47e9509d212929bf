"""When it was looked: evidence of polls -> the time for which each key is known.

A successful look is good until the next one, if that came in time; else for the tolerance of
the interval then in force (as `report.py` counts coverage). What follows is a hole.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, or_, select

from harvester.store import many, schema
from harvester.store.evidence import TOLERANCE
from harvester.store.instants import Seconds
from harvester.store.series import EVER, Span, joined, without
from harvester.store.trends.asking import Question

K = TypeVar("K", bound=Hashable)
Looks: TypeAlias = Sequence[Span]  # in order and apart

SECOND: Final = timedelta(seconds=1)
polls, fetches = schema.polls, schema.fetches
surveys = polls.alias("surveys")  # of the players whose pairs with games they watch over
MINUTE: Final = "%Y-%m-%d %H:%M"
_OF_POLL: Final = [
    polls.c[name]
    for name in (
        *("id", "game_id", "user_id", "asked_as"),
        *("watched_from", "watched_to", "interval_seconds"),
    )
]


def at_games(question: Question, job: str, games: Collection[int]) -> Mapping[int, Looks]:
    """Tell when a job looked at these games, through whomever's eyes.

    Where surveys watch over a player, his pairs are taken for seen without a look at the game.
    """
    seen = many.among(polls.c.game_id, games) & (polls.c.job == job)
    own = [~_is_surveyed()] if job == "progress" else []
    return _by_key(_looked(question, seen, *own), lambda poll: poll.game_id)


def at_developers(question: Question, users: Collection[int]) -> Mapping[int, Looks]:
    """Tell when the tickets of these developers were looked at."""
    seen = many.among(polls.c.user_id, users) & (polls.c.job == "developer-tickets")
    return _by_key(_looked(question, seen), lambda poll: poll.user_id)


def at_pairs(
    question: Question, users: Collection[int], games: Collection[int]
) -> Mapping[tuple[int, int], Looks]:
    """Tell when these users' progress in these games, or in all, was looked at.

    A pair that a survey watches over is known as long as the survey looks. An answer with a
    trouble noted told of the game alone.
    """
    his = many.among(polls.c.user_id, users) & polls.c.game_id.is_not(None)
    own = select(polls.c.asked_as).where(his, polls.c.job == "progress")
    survey = polls.c.game_id.is_(None) & polls.c.asked_as.in_(own)
    here = [many.among(polls.c.game_id, games)] if games else []
    seen = (polls.c.job == "progress") & or_(and_(his, *here), survey)
    is_told = fetches.c.error.is_(None) | polls.c.game_id.is_(None)
    looked = list(_looked(question, seen, is_told))
    blind = {poll.asked_as: _blind(poll, looks) for poll, looks in looked if poll.game_id is None}
    pairs = (
        (poll, without(looks, blind.get(poll.asked_as, [])))
        for poll, looks in looked
        if poll.game_id is not None
    )
    return _by_key(pairs, lambda poll: (poll.user_id, poll.game_id))


def unseen(
    question: Question, jobs: Collection[str], rows: Sequence[Mapping[str, Any]]
) -> str | None:
    """Tell in one line when it was looked, where no row was observed.

    Cost: O(evidence of what is asked about).
    """
    if not rows or any(row["is_observed"] for row in rows):
        return None
    own = question.subjects
    games = own["game"].keys() | {one["game_id"] for one in own["achievement"].values()} - {None}
    whose = many.among(polls.c.game_id, games)
    whose |= many.among(polls.c.user_id, [*own["user"], *own["developer"]])
    ends = select(func.min(fetches.c.first_at), func.max(fetches.c.last_at)).join(polls)
    seen = polls.c.job.in_(jobs) & fetches.c.outcome.in_(schema.SUCCESSES)
    first, last = question.conn.execute(ends.where(seen, whose)).one()
    if last is None:
        return "nobody has looked at that yet; `harvester fetch` does"
    return f"nobody looked at that then; it was looked at from {first:{MINUTE}} to {last:{MINUTE}}"


def _blind(survey: Row[Any], looks: Looks) -> Looks:
    """Tell when a survey was to watch over its pairs and did not."""
    return without([Span(survey.watched_from, survey.watched_to or EVER.until)], looks)


def _by_key(
    looked: Iterable[tuple[Row[Any], Looks]], key: Callable[[Row[Any]], K]
) -> Mapping[K, Looks]:
    found: dict[K, list[Span]] = defaultdict(list)
    for poll, looks in looked:
        found[key(poll)] += looks
    return defaultdict(list, {own: joined(spans) for own, spans in found.items()})


def _looked(
    question: Question, *conditions: ColumnElement[bool]
) -> Iterator[tuple[Row[Any], Looks]]:
    """Tell of every poll when it looked; in one statement, O(evidence that overlaps the range).

    The database puts together what follows in time: there is a row for each hole, not each look.
    """
    rows = question.conn.execute(_evidence(question, conditions))
    for _, group in groupby(rows, key=lambda row: row.id):
        own = list(group)
        yield own[0], list(_spans(own))


def _spans(looks: Sequence[Row[Any]]) -> Iterator[Span]:
    """Tell the time between holes, out of the looks that came late and the last one."""
    since = looks[0].first_at
    for look in looks[1:]:
        if look.is_late:
            yield Span(since, _good_until(look.before_at, look.promised))
            since = look.first_at
    yield Span(since, _good_until(looks[-1].last_at, looks[-1].interval_seconds))


def _good_until(looked_at: datetime, promised: int) -> datetime:
    """Tell for how long a look is good, by the interval that was in force after it."""
    return looked_at + timedelta(seconds=int(TOLERANCE * promised)) + SECOND


def _evidence(question: Question, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Select the late looks of polls, the first one (none is before it) and the last one."""
    looks = _looks(question, conditions).subquery("looks")
    waited = Seconds(looks.c.first_at) - Seconds(looks.c.before_at) - 1
    is_late = looks.c.before_at.is_(None) | (waited > TOLERANCE * looks.c.promised)
    told = select(looks, is_late.label("is_late"))
    return told.where(is_late | looks.c.is_last).order_by(looks.c.id, looks.c.last_at)


def _looks(question: Question, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Select the successful looks of polls, with the one before the range and the one after."""
    since, until = (literal(at, schema.Instant) for at in (question.since, question.until))
    first = func.coalesce(_before(question.since), since)
    last = func.coalesce(_after(question.until), until)
    beside: Any = {"partition_by": polls.c.id, "order_by": (fetches.c.last_at, fetches.c.first_at)}
    promised = func.coalesce(fetches.c.interval_seconds, polls.c.interval_seconds)
    return (
        select(*_OF_POLL, fetches.c.first_at, fetches.c.last_at, promised.label("promised"))
        .add_columns(
            func.lag(fetches.c.last_at, type_=schema.Instant).over(**beside).label("before_at"),
            func.lead(fetches.c.last_at).over(**beside).is_(None).label("is_last"),
        )
        .select_from(polls)
        .outerjoin(surveys, _surveys())
        .join(fetches, fetches.c.poll_id == polls.c.id)
        .where(fetches.c.outcome.in_(schema.SUCCESSES), *conditions)
        .where(fetches.c.last_at >= first, fetches.c.last_at <= last)
    )


def _before(at: datetime) -> ColumnElement[datetime]:
    """Find the last look before an instant: an index look-up for each poll."""
    look = fetches.alias("before")
    own = (look.c.poll_id == polls.c.id) & look.c.outcome.in_(schema.SUCCESSES)
    newest = select(func.max(look.c.last_at)).where(own, look.c.last_at < at)
    return newest.correlate(polls).scalar_subquery()


def _after(at: datetime) -> ColumnElement[datetime]:
    """Find the first look that ended after an instant: an index look-up for each poll."""
    look = fetches.alias("after")
    own = (look.c.poll_id == polls.c.id) & look.c.outcome.in_(schema.SUCCESSES)
    oldest = select(func.min(look.c.last_at)).where(own, look.c.last_at > at)
    return oldest.correlate(polls).scalar_subquery()


def _surveys() -> ColumnElement[bool]:
    """Find the survey that watches over a pair, or once did."""
    is_pair = polls.c.game_id.is_not(None) & polls.c.asked_as.is_not(None)
    own = (surveys.c.job == "progress") & (surveys.c.target == "player " + polls.c.asked_as)
    return and_(polls.c.job == "progress", is_pair, own)


def _is_surveyed() -> ColumnElement[bool]:
    """Whether a pair was looked at while a survey watched over it."""
    begun = surveys.c.watched_from <= fetches.c.first_at
    ended = surveys.c.watched_to <= fetches.c.first_at
    return func.coalesce(begun & ~func.coalesce(ended, False), False)
