"""Players by games without the product: what one answer says of polls that were not asked.

With many pairs of a player and a game, three kinds of `progress` polls share the work: a
*survey* of each player says in which games he moved, a *game's own* poll looks at its counters
through the eyes of one of its players, and a *pair* is asked for in full when it moved, or in
its slow full round. An answer for a pair serves its game's own poll, and the other way round.

`polls.token` of a pair is what the last survey said of it, `listed_at` when it was last read in
full since it moved (null: it has yet to be).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from harvester.schedule import Every, next_due
from harvester.store import absence, evidence, schema
from harvester.store.evidence import Attempt
from harvester.store.polls import (
    ROUTINE,
    UTC,
    Poll,
    Selection,
    change,
    matching,
)
from harvester.store.rows import Changes, Standing

FULL_ROUND = "full round, "  # how the schedule of a pair begins that a survey watches over
UNOFFICIAL = ", unofficial"  # how that of a game ends of which a pair does not tell all
ROUNDING = 0.0001  # RA tells completion in hundredths of a percent
polls, progress = schema.polls, schema.progress
After = Callable[[Poll, Attempt], dict[str, Any]]


@dataclass(frozen=True)
class _Over:
    """A look that is over: what it came to, and how to write down what it spared."""

    attempt: Attempt
    after: After
    own_ids: Iterator[int]
    now: datetime


def is_slow(poll: Poll) -> bool:
    """Whether a poll is a pair's that a survey watches over."""
    return poll.schedule.startswith(FULL_ROUND)


def _asked(*conditions: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    """Match watched `progress` polls; by the index of what is due, past all unlock lists."""
    there = [polls.c.watched_to.is_(None), polls.c.priority <= ROUTINE, polls.c.job == "progress"]
    return [*there, *conditions]


# --- a game's own look -----------------------------------------------------------------------


def eyes(conn: Connection, poll: Poll, *, at: datetime) -> Poll | None:
    """Choose the pair through which a game's own poll looks: one that is due, or the oldest.

    None: no player of the game can be asked about, or this is no game's own poll.
    Cost: O(watched pairs).
    """
    if poll.job != "progress" or poll.asked_as is not None or poll.game_id is None:
        return None
    able = (polls.c.failures == 0) & polls.c.gone_at.is_(None)
    pairs = _asked(polls.c.game_id == poll.game_id, polls.c.asked_as.is_not(None), able)
    is_waiting = case((polls.c.due_at <= at, 0), else_=1)
    is_read = case((polls.c.listed_at.is_(None), 0), else_=1)
    order = (is_waiting, is_read, polls.c.listed_at, polls.c.id)
    return next(iter(matching(conn, *pairs, order=order)), None)


# --- what a survey says ----------------------------------------------------------------------


def notice(
    conn: Connection,
    survey: Poll,
    surveyed: Mapping[int, Standing],
    own_ids: Iterator[int],
    *,
    at: datetime,
) -> None:
    """Make due the pairs of a player that moved, and write down that the others did not.

    Cost: O(games of the survey).
    """
    if not surveyed:
        return
    own = _pairs_of(conn, survey, surveyed)
    held = _held(conn, own)
    still = [pair for pair in own if _stands_still(pair, surveyed[_game(pair)], held)]
    for pair in own:
        token = surveyed[_game(pair)].token
        if pair in still:
            _rest(conn, pair, token, at)
        else:
            change(conn, pair, token=token, listed_at=None, due_at=_at_once(pair, at))
        change(conn, pair, user_id=survey.user_id or pair.user_id)
    if still:
        evidence.imply(conn, still, own_ids, at=at)


def _pairs_of(conn: Connection, survey: Poll, games: Collection[int] | None = None) -> list[Poll]:
    """List the pairs of a surveyed player, in these games or in all."""
    his = _asked(polls.c.asked_as == survey.asked_as, polls.c.schedule.startswith(FULL_ROUND))
    here = [polls.c.game_id.in_(games)] if games is not None else []
    return matching(conn, *his, *here)


def _game(pair: Poll) -> int:
    return pair.game_id or 0


def _held(conn: Connection, pairs: Collection[Poll]) -> dict[tuple[int, int], Any]:
    """Read how far the players of pairs are by all we know."""
    people = {pair.user_id for pair in pairs if pair.user_id is not None}
    games = {pair.game_id for pair in pairs}
    now = progress.c.user_id.in_(people) & progress.c.game_id.in_(games)
    rows = conn.execute(select(progress).where(now, progress.c.valid_to.is_(None)))
    return {(row.user_id, row.game_id): row for row in rows}


def _stands_still(pair: Poll, told: Standing, held: Mapping[tuple[int, int], Any]) -> bool:
    """Tell whether a pair was read in full and has not moved since.

    One that no survey has been about yet is held against what is known of it.
    """
    is_read = pair.listed_at is not None and pair.failures == 0 and pair.fetch_id is None
    if not is_read or pair.gone_at is not None:
        return False
    if pair.token is not None:
        return pair.token == told.token
    row = held.get((pair.user_id or 0, _game(pair)))
    return row is not None and _agrees(row, told)


def _agrees(row: Any, told: Standing) -> bool:  # noqa: ANN401 - a row of `progress`
    counts = (row.awarded, row.awarded_hardcore) == (told.awarded, told.awarded_hardcore)
    return counts and abs((row.completion or 0.0) - told.completion) < ROUNDING


def _at_once(pair: Poll, at: datetime) -> datetime:
    """Make a pair due, unless it rests after a failure; a player who came back is none."""
    is_resting = pair.failures > 0 and pair.denied != "user"
    return pair.due_at if is_resting else min(pair.due_at, at)


def _rest(conn: Connection, pair: Poll, token: str, at: datetime) -> None:
    """Let a pair that stands still wait for its full round, however it came to be due."""
    read_at = pair.listed_at or at
    first, then = _first_round(pair, read_at), _next_round(pair, read_at)
    if pair.token is None:
        change(conn, pair, token=token, due_at=first)
    elif pair.due_at not in {first, then} and read_at <= at:
        change(conn, pair, due_at=then)


def _next_round(pair: Poll, at: datetime) -> datetime:
    return at + timedelta(seconds=pair.interval_seconds)


def _first_round(pair: Poll, at: datetime) -> datetime:
    """Tell when the first full round after `at` is: earlier by the pair's own share of it."""
    every, target = Every(pair.interval_seconds), f"{pair.job} {pair.target}"
    return next_due(every, at, due_at=None, target=target, timezone=UTC)


# --- what an answer satisfies ----------------------------------------------------------------


def settle(
    conn: Connection,
    poll: Poll,
    attempt: Attempt,
    after: After,
    own_ids: Iterator[int],
    *,
    now: datetime,
) -> None:
    """Write down what a finished look at `progress` says of polls that it has spared.

    `poll` is as it was when the look ended. `after` tells the columns of a poll after an attempt.
    Cost: O(1) for a look at a game, O(games) for a survey of nobody.
    """
    over = _Over(attempt, after, own_ids, now)
    is_answered = attempt.outcome in schema.SUCCESSES
    if poll.game_id is None:
        _settle_survey(conn, poll, over)
    elif is_answered and poll.asked_as is None:
        _settle_game(conn, poll, over)
    elif is_answered:
        _settle_pair(conn, poll, over)


def _settle_survey(conn: Connection, survey: Poll, over: _Over) -> None:
    """Spare the pairs of a player whom RA does not know, until he is surveyed again."""
    if over.attempt.outcome != "not_found":
        return
    due_at = conn.scalar(select(polls.c.due_at).where(polls.c.id == survey.id))
    for pair in _pairs_of(conn, survey):
        _satisfy(conn, pair, over)
        change(conn, pair, due_at=due_at)


def _settle_game(conn: Connection, poll: Poll, over: _Over) -> None:
    """Take a game's own look for one at the pair through which it went.

    A pair that could not be seen is asked for itself, to learn why.
    """
    seen = poll.remembered or {}
    here = _asked(polls.c.game_id == poll.game_id, polls.c.asked_as == seen.get("eyes", ""))
    for pair in matching(conn, *here):
        if seen["is_seen"]:
            _satisfy(conn, pair, over)
            _read_in_full(conn, pair, over)
        else:
            change(conn, pair, due_at=min(pair.due_at, over.now))
        if absence.is_suspected(conn, pair.user_id):
            change(conn, poll, digests=None)  # the next answer is the proof, be it the same


def _settle_pair(conn: Connection, pair: Poll, over: _Over) -> None:
    """Take a look at a pair for one at its game, unless more is wanted of that."""
    _read_in_full(conn, pair, over)
    here = _asked(polls.c.game_id == pair.game_id, polls.c.asked_as.is_(None))
    for poll in matching(conn, *here):
        if not poll.schedule.endswith(UNOFFICIAL):
            _satisfy(conn, poll, over)


def _satisfy(conn: Connection, poll: Poll, over: _Over) -> None:
    """Write down a look that cost nothing, and plan the next one."""
    is_open = poll.fetch_id is not None and over.attempt.outcome == "unchanged"
    word = "changed" if is_open else over.attempt.outcome
    at = evidence.dated(poll, over.attempt.at)
    free: dict[str, Any] = {"requests": 0, "changes": Changes(), "payload": None}
    spared = replace(over.attempt, outcome=word, at=at, **free)
    evidence.prove(conn, poll, spared, over.own_ids)
    change(conn, poll, **over.after(poll, spared))


def _read_in_full(conn: Connection, pair: Poll, over: _Over) -> None:
    """Note that a pair was read; its full round is due an interval later, not on a grid."""
    noted: dict[str, Any] = {"listed_at": over.attempt.at}
    if is_slow(pair):
        is_first = pair.last_ok_at is None
        noted["due_at"] = (_first_round if is_first else _next_round)(pair, over.now)
    change(conn, pair, **noted)


# --- wishes and watchlists -------------------------------------------------------------------


def forget(conn: Connection, selection: Selection) -> None:
    """Let nothing that is known spare a chosen poll its look (`fetch --force`)."""
    chosen = selection.conditions()
    conn.execute(polls.update().where(*chosen, polls.c.job == "progress").values(listed_at=None))
    conn.execute(polls.update().where(*chosen, polls.c.job == "distribution").values(memory=None))


def adopt(conn: Connection) -> None:
    """Let a game's own poll that is new in the plan begin where its pairs have looked before."""
    is_new = func.coalesce(polls.c.last_attempt_at < polls.c.watched_from, True)
    new = _asked(polls.c.game_id.is_not(None), polls.c.asked_as.is_(None), is_new)
    for poll in matching(conn, *new):
        pairs = _asked(polls.c.game_id == poll.game_id, polls.c.asked_as.is_not(None))
        read_at = conn.scalar(select(func.max(polls.c.listed_at)).where(*pairs))
        if read_at is not None:
            soonest = read_at + timedelta(seconds=poll.interval_seconds)
            change(conn, poll, due_at=max(poll.due_at, soonest))


# --- what goes first -------------------------------------------------------------------------


def first(conn: Connection, poll: Poll, selection: Selection, *, at: datetime) -> Poll:
    """Find what to ask before a poll, so that it may be spared: surveys, then counters.

    Cost: O(what is due among the polls of this kind).
    """
    before = _before(poll)
    if before is None:
        return poll
    due = _asked(polls.c.due_at <= at, *before, *selection.conditions())
    order = (polls.c.due_at, polls.c.id)
    found = next(iter(matching(conn, *due, order=order)), None)
    return poll if found is None else first(conn, found, selection, at=at)


def _before(poll: Poll) -> list[ColumnElement[bool]] | None:
    """Say what tells more of a poll than its own look: None where nothing does."""
    if poll.job == "distribution":
        return [polls.c.game_id == poll.game_id]
    if poll.job != "progress" or poll.game_id is None:
        return None
    survey: list[ColumnElement[bool]] = [polls.c.game_id.is_(None)]
    return survey if poll.asked_as is None else [*survey, polls.c.asked_as == poll.asked_as]
