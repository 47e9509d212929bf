"""When it was looked: evidence of polls -> the time for which each key is known.

A successful look is good until the next one, if that came in time; else for the tolerance of
the interval then in force (as `report.py` counts coverage). What follows is a hole.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, zip_longest
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, or_, select

from harvester.store import many, schema
from harvester.store.evidence import TOLERANCE
from harvester.store.series import EVER, Span, joined, without
from harvester.store.trends.asking import Question

K = TypeVar("K", bound=Hashable)
Looks: TypeAlias = Sequence[Span]  # in order and apart

SECOND: Final = timedelta(seconds=1)
polls, fetches = schema.polls, schema.fetches
surveys = polls.alias("surveys")  # of the players whose pairs with games they watch over
MINUTE: Final = "%Y-%m-%d %H:%M"
_SUCCESSES: Final = ("changed", "unchanged")


def at_games(question: Question, job: str, games: Collection[int]) -> Mapping[int, Looks]:
    """Tell when a job looked at these games, through whomever's eyes.

    Where surveys watch over a player, his pairs are taken for seen without a look at the game.
    """
    seen = many.among(polls.c.game_id, games) & (polls.c.job == job)
    return _by_key(_looked(question, seen, ~_is_surveyed()), lambda poll: poll.game_id)


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
    seen = polls.c.job.in_(jobs) & fetches.c.outcome.in_(_SUCCESSES)
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
    """Tell of every poll when it looked; in one statement, O(evidence that overlaps the range)."""
    rows = question.conn.execute(_evidence(question).where(*conditions))
    for _, group in groupby(rows, key=lambda row: row.id):
        own = list(group)
        yield own[0], joined(_span(*two) for two in zip_longest(own, own[1:]))


def _span(look: Row[Any], following: Row[Any] | None) -> Span:
    """Tell for how long a row of evidence is good, by the interval that was in force after it."""
    promised = look.interval_seconds if following is None else following.promised
    lasting = timedelta(seconds=int(TOLERANCE * (promised or look.interval_seconds)))
    return Span(look.first_at, look.last_at + lasting + SECOND)


def _evidence(question: Question) -> Select[Any]:
    """Select the successful looks of polls, with the one before the range and the one after."""
    since, until = (literal(at, schema.Instant) for at in (question.since, question.until))
    first = func.coalesce(_before(question.since), since)
    last = func.coalesce(_after(question.until), until)
    promised = fetches.c.interval_seconds.label("promised")
    return (
        select(polls, fetches.c.first_at, fetches.c.last_at, promised)
        .join(fetches, fetches.c.poll_id == polls.c.id)
        .outerjoin(surveys, _surveys())
        .where(fetches.c.outcome.in_(_SUCCESSES))
        .where(fetches.c.last_at >= first, fetches.c.last_at <= last)
        .order_by(polls.c.id, fetches.c.last_at, fetches.c.id)
    )


def _before(at: datetime) -> ColumnElement[datetime]:
    """Find the last look before an instant: an index look-up for each poll."""
    look = fetches.alias("before")
    own = (look.c.poll_id == polls.c.id) & look.c.outcome.in_(_SUCCESSES)
    newest = select(func.max(look.c.last_at)).where(own, look.c.last_at < at)
    return newest.correlate(polls).scalar_subquery()


def _after(at: datetime) -> ColumnElement[datetime]:
    """Find the first look that ended after an instant: an index look-up for each poll."""
    look = fetches.alias("after")
    own = (look.c.poll_id == polls.c.id) & look.c.outcome.in_(_SUCCESSES)
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
