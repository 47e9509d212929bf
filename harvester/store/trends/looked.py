"""When it was looked: evidence of polls -> the time for which each key is known.

A successful look is good until the next one, if that came in time. If it came late, or none
has come although it should have by now, what follows on the look is a hole: the same as
`coverage.py` finds. The evidence says which looks came late, so of all others only the first
and the last have to be known.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, func, literal, or_, select

from harvester.store import many, schema
from harvester.store.evidence import TOLERANCE
from harvester.store.series import EVER, Span, common, joined, without
from harvester.store.trends.asking import Question

K = TypeVar("K", bound=Hashable)
Looks: TypeAlias = Sequence[Span]  # in order and apart
Untold: TypeAlias = Mapping[int, Sequence[Span]]  # by poll: when its looks did not tell all

SECOND: Final = timedelta(seconds=1)
polls, fetches = schema.polls, schema.fetches
surveys = polls.alias("surveys")  # of the players whose pairs with games they watch over
look, lacking = fetches.alias("look"), fetches.alias("lacking")
MINUTE: Final = "%Y-%m-%d %H:%M"
_OF_POLL: Final = [
    polls.c[name]
    for name in (
        *("id", "game_id", "user_id", "asked_as"),
        *("watched_from", "watched_to", "interval_seconds", "last_ok_at"),
    )
]


def at_games(question: Question, job: str, games: Collection[int]) -> Mapping[int, Looks]:
    """Tell when a job looked at these games, through whomever's eyes.

    Where surveys watch over a player, his pairs are taken for seen without a look at the game.
    """
    seen = many.among(polls.c.game_id, games) & (polls.c.job == job)
    untold = _surveyed(question, seen) if job == "progress" else {}
    return _by_key(_looked(question, seen, untold), lambda poll: poll.game_id)


def at_developers(question: Question, users: Collection[int]) -> Mapping[int, Looks]:
    """Tell when the tickets of these developers were looked at."""
    seen = many.among(polls.c.user_id, users) & (polls.c.job == "developer-tickets")
    return _by_key(_looked(question, seen, {}), lambda poll: poll.user_id)


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
    looked = list(_looked(question, seen, _without_players(question, seen)))
    awake = {
        poll.asked_as: _awake(poll, looks, question.now)
        for poll, looks in looked
        if poll.game_id is None
    }
    pairs = (
        (poll, common(looks, awake.get(poll.asked_as, [EVER])))
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


def _awake(survey: Row[Any], looks: Looks, now: datetime) -> Looks:
    """Tell when a survey watched over its pairs, or did not have to."""
    begun, until = survey.watched_from + SECOND, survey.watched_to or EVER.until
    following = (max(look.since, begun) for look in looks if look.until > begun)
    first = next(following, now + SECOND)
    is_in_time = first <= _good_until(survey.watched_from, survey.interval_seconds)
    since = first if is_in_time else begun
    return without([EVER], without([Span(since, until)], looks) if since < until else [])


def _by_key(
    looked: Iterable[tuple[Row[Any], Looks]], key: Callable[[Row[Any]], K]
) -> Mapping[K, Looks]:
    found: dict[K, list[Span]] = defaultdict(list)
    for poll, looks in looked:
        found[key(poll)] += looks
    return defaultdict(list, {own: joined(spans) for own, spans in found.items()})


def _looked(
    question: Question, seen: ColumnElement[bool], untold: Untold
) -> Iterator[tuple[Row[Any], Looks]]:
    """Tell of every poll when it looked, in one statement.

    Cost: O(polls, looks since the range began that came late or failed).
    """
    rows = question.conn.execute(_late(question, seen)).all()
    for _, group in groupby(rows, key=lambda row: row.id):
        own = list(group)
        looks = joined(_spans(own, question.now))
        yield own[0], without(looks, joined(untold.get(own[0].id, ())))


def _spans(late: Sequence[Row[Any]], now: datetime) -> Iterator[Span]:
    """Tell the time between holes, out of the looks of a poll that came late."""
    poll = late[0]
    since = poll.begun_at
    if since is None:
        return
    for row in late:
        if row.first_at is not None and row.first_at > since:
            yield Span(since, row.late_since_at + SECOND)
            since = row.first_at
    yield Span(since, _lasting(poll, now) + SECOND)


def _lasting(poll: Row[Any], now: datetime) -> datetime:
    """Tell until when the last look is good: as long as the poll is watched and none is late."""
    last: datetime = poll.last_ok_at
    stop = min(poll.watched_to or now, now)
    return max(last, stop) if stop < _good_until(last, poll.interval_seconds) else last


def _good_until(looked_at: datetime, promised: int) -> datetime:
    """Tell for how long a look is good, by the interval that was in force after it."""
    return looked_at + timedelta(seconds=int(TOLERANCE * promised)) + SECOND


def _late(question: Question, seen: ColumnElement[bool]) -> Select[Any]:
    """Select polls with their late looks in the range; one row where there are none."""
    own = fetches.c
    in_range = own.late_since_at < question.until, own.first_at > question.since
    mine = and_(own.poll_id == polls.c.id, own.late_since_at.is_not(None), *in_range)
    begun_at = _first(_looks())
    return (
        select(*_OF_POLL, begun_at.label("begun_at"))
        .add_columns(own.first_at, own.late_since_at)
        .outerjoin_from(polls, fetches, mine)
        .where(seen)
        .order_by(polls.c.id, own.first_at)
    )


def _looks() -> Select[Any]:
    """Select when the successful looks of a poll began."""
    own = (look.c.poll_id == polls.c.id) & look.c.outcome.in_(schema.SUCCESSES)
    return select(look.c.first_at).where(own).correlate_except(look)


def _first(looks: Select[Any]) -> ColumnElement[datetime]:
    """Tell when the first of some looks began; several may have ended in one second."""
    return looks.order_by(look.c.last_at, look.c.first_at).limit(1).scalar_subquery()


# --- looks that did not tell all -------------------------------------------------------


def _without_players(question: Question, seen: ColumnElement[bool]) -> Untold:
    """Tell of pairs when answers lacked the player's part: from one of them to the next whole one.

    Cost: O(pairs, such answers in the range).
    """
    since = func.coalesce(_newest_lacking(question.since), literal(question.since, schema.Instant))
    whole = _looks().where(look.c.error.is_(None), look.c.last_at > lacking.c.last_at)
    mine = [lacking.c.poll_id == polls.c.id, *_lacks(lacking), polls.c.game_id.is_not(None)]
    in_range = lacking.c.first_at >= since, lacking.c.first_at <= question.until
    found = select(polls.c.id, lacking.c.first_at, _first(whole)).where(seen, *mine, *in_range)
    return _grouped(question.conn.execute(found))


def _newest_lacking(at: datetime) -> ColumnElement[datetime]:
    """Find the newest such answer of a poll at an instant: an index look-up for each poll."""
    own = fetches.alias("newest")
    mine = [own.c.poll_id == polls.c.id, *_lacks(own), own.c.first_at <= at]
    newest = select(own.c.first_at).where(*mine).order_by(own.c.first_at.desc()).limit(1)
    return newest.correlate(polls).scalar_subquery()


def _lacks(own: FromClause) -> Sequence[ColumnElement[bool]]:
    return own.c.error.is_not(None), own.c.outcome.in_(schema.SUCCESSES)


def _surveyed(question: Question, seen: ColumnElement[bool]) -> Untold:
    """Tell of pairs for how long a survey watched over them, up to the next look of their own.

    Where they looked again before one would have been late, they have told all.
    """
    is_pair = polls.c.game_id.is_not(None) & polls.c.asked_as.is_not(None)
    own = (surveys.c.job == "progress") & (surveys.c.target == "player " + polls.c.asked_as)
    again = _first(_looks().where(look.c.last_at >= surveys.c.watched_to))
    watched = surveys.c.watched_from, surveys.c.interval_seconds, surveys.c.watched_to
    rows = question.conn.execute(select(polls.c.id, *watched, again).where(seen, is_pair, own))
    return _grouped(
        (poll, begun + SECOND, again and max(again, ended))  # looks may go on and on
        for poll, begun, promised, ended, again in rows
        if (again or question.now) >= _good_until(begun, promised)
    )


def _grouped(rows: Iterable[Sequence[Any]]) -> Untold:
    """Put spans together by poll; what has not ended goes on."""
    spans: dict[int, list[Span]] = defaultdict(list)
    for poll, since, until in rows:
        if since < (until or EVER.until):
            spans[poll].append(Span(since, until or EVER.until))
    return spans
