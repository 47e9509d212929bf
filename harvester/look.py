"""One poll from the API to the tables: asked, observed, recorded, proven, planned anew.

One transaction per durable step. What an answer may do is decided here and in `outcome`.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from harvester import outcome, process, step, watchlist
from harvester.asker import Asker
from harvester.config import Settings
from harvester.endpoints import ENDPOINTS, Observation, Steps
from harvester.errors import ApiError, Invalid, Refused, Unavailable
from harvester.process import Harvest, Told
from harvester.question import ask_of
from harvester.store import absence, evidence, history, known, moving, pairs, polls, schema
from harvester.store.evidence import Attempt
from harvester.store.polls import Poll, Selection
from harvester.store.rows import Changes

log = logging.getLogger(__name__)

PROOFS_APART = timedelta(hours=1)  # two proofs of absence need never be further apart


@dataclass(frozen=True)
class _Look:
    """How far one look has come: the poll as it is now, its newest instant, what went wrong.

    `is_over` is false where it was broken off in good order, to go on at a later turn.
    """

    poll: Poll
    at: datetime
    trouble: ApiError | None = None
    is_over: bool = True


def ask(harvest: Harvest, poll: Poll, selection: Selection) -> Told | None:
    """Ask one poll, remember what it told, prove that we looked, and plan the next time.

    None where its turn is over, but not its look. Raises `Refused`, after writing it down;
    every other `ApiError` becomes an outcome.
    """
    harvest.tell(Told(poll, partial(_due_left, harvest, selection)))
    get = Asker(harvest.client, _believed(harvest, poll))
    look = _look(harvest, poll, get)
    if not look.is_over:
        return None
    attempt = _finish(harvest, look, get)
    if isinstance(look.trouble, Refused):
        raise look.trouble
    return Told(poll, changes=attempt.changes, attempt=attempt)


def _believed(harvest: Harvest, poll: Poll) -> str | None:
    """Tell the answers that need no reading; none where one may prove or clear an absence."""
    if poll.digests is None or poll.job != "progress":
        return poll.digests
    with harvest.reads.connect() as conn:
        seen = pairs.eyes(conn, poll, at=harvest.clock()) or poll
        return None if absence.is_suspected(conn, seen.user_id) else poll.digests


def _look(harvest: Harvest, poll: Poll, get: Asker) -> _Look:
    """Ask, and commit what is told step by step, until all is told or something is wrong.

    Each step is told what it changed. What may be broken off is, after each step: something
    more urgent may have become due.
    """
    fetch_id = poll.fetch_id or next(harvest.evidence_ids)
    look, changes = _Look(poll, evidence.dated(poll, poll.watched_from)), None
    steps = _observe(harvest, poll, get)
    try:
        while True:
            observation = steps.send(changes)
            look, changes = _commit(harvest, look, observation, fetch_id, get.sent)
            if observation.is_turn:
                steps.close()
                return replace(look, is_over=False)
    except StopIteration:
        return look
    except ApiError as trouble:
        return replace(look, trouble=trouble)


def _due_left(harvest: Harvest, selection: Selection) -> int:
    with harvest.reads.connect() as conn:
        return polls.count_due(conn, selection, at=harvest.clock())


def _observe(harvest: Harvest, poll: Poll, get: Asker) -> Steps:
    with harvest.reads.connect() as conn:
        question = ask_of(conn, harvest.settings(), poll, at=harvest.clock())
    return ENDPOINTS[poll.job].observe(get, poll.place, question)


def _commit(
    harvest: Harvest, look: _Look, observation: Observation, fetch_id: int, requests: int
) -> tuple[_Look, Changes]:
    """Make one durable step, at the instant its answer arrived; tell what it changed.

    Where the clock stepped back, the newest instant already written is used.
    """
    at = max(harvest.clock(), look.at)
    spacing = min(harvest.settings().jobs.unlocks.sweep, PROOFS_APART)
    write = partial(step.write, fetch_id=fetch_id, requests=requests, spacing=spacing)
    while True:
        try:
            with harvest.engine.begin() as conn:
                poll, changes = write(conn, look.poll, observation, at=at)
                pairs.notice(conn, poll, observation.surveyed, harvest.evidence_ids, at=at)
                process.note(conn, harvest, at)
        except history.BehindHistory as behind:
            at = behind.newest
        else:
            return replace(look, poll=poll, at=at), changes


def _attempt(look: _Look, now: datetime, requests: int) -> Attempt:
    """Put a look that is over into the words of the evidence, its earlier turns included."""
    poll, trouble, at = look.poll, look.trouble, max(now, look.at)
    why = str(trouble) if trouble else None
    changes, requests = Changes(poll.rows_opened, poll.rows_closed), poll.requests + requests
    if trouble is None or outcome.is_answered(trouble):
        return Attempt("changed" if changes else "unchanged", at, requests, changes, why)
    body = trouble.body if isinstance(trouble, Invalid) else None
    return Attempt(trouble.outcome, at, requests, changes, why, body)


def _finish(harvest: Harvest, look: _Look, get: Asker) -> Attempt:
    """Prove the look and plan the next one, in one transaction; tell what the look came to."""
    settings, trouble, now = harvest.settings(), look.trouble, harvest.clock()
    attempt = _attempt(look, now, get.sent)
    with harvest.engine.begin() as conn:
        look = _as_planned_now(conn, harvest, look)
        poll = evidence.prove(conn, look.poll, attempt, harvest.evidence_ids)
        after = outcome.after(settings, poll, attempt, trouble, now=now)
        after |= _account_closed(conn, poll, attempt, get) | _waiting(harvest, after, trouble)
        if poll.job == "unlocks" and trouble is None:
            promised = replace(poll, interval_seconds=after["interval_seconds"])
            is_longer = promised.interval_seconds > poll.interval_seconds
            after |= polls.rests(promised, now, is_longer=is_longer)
        poll = polls.change(conn, poll, **after)
        _mark(conn, look.poll, trouble, attempt.at)
        if poll.job == "progress":
            _settle(conn, harvest, look, attempt, now)
            _tell_lists(conn, harvest, poll, attempt)
        process.note(conn, harvest, attempt.at)
    log.info("%s %s: %s%s", poll.job, poll.target, attempt.outcome, _why(attempt))
    return attempt


def _as_planned_now(conn: Connection, harvest: Harvest, look: _Look) -> _Look:
    """Take over what the watchlist has changed in the plan of a poll that was in hand."""
    is_alone = harvest.in_flight == 1
    return look if is_alone else replace(look, poll=polls.again(conn, look.poll))


def _account_closed(conn: Connection, poll: Poll, attempt: Attempt, get: Asker) -> dict[str, Any]:
    """Begin a new account; equal answers are believed until somebody else tells of the game."""
    if attempt.changes and poll.job == "progress":
        polls.forget_answers(conn, poll)
    answers = get.digests if get.sent else poll.digests
    digests = answers if attempt.error is None else None
    return {**dict.fromkeys(("requests", "rows_opened", "rows_closed"), 0), "digests": digests}


def _tell_lists(conn: Connection, harvest: Harvest, poll: Poll, attempt: Attempt) -> None:
    """Let lists whose counters moved, and new achievements of a game, be read in this round."""
    if poll.game_id is None:
        return
    if attempt.changes:
        _plan_unlocks(conn, harvest.settings(), poll, attempt.at)
    if attempt.outcome in {"changed", "unchanged"}:
        moving.notice(conn, poll.game_id, harvest.evidence_ids, at=attempt.at)


def _settle(
    conn: Connection, harvest: Harvest, look: _Look, attempt: Attempt, now: datetime
) -> None:
    """Write down what a look has spared other polls."""
    settings = harvest.settings()

    def after(spared: Poll, told: Attempt) -> dict[str, Any]:
        return outcome.after(settings, spared, told, look.trouble, now=now)

    pairs.settle(conn, look.poll, attempt, after, harvest.evidence_ids, now=now)


def _why(attempt: Attempt) -> str:
    return f" ({attempt.error})" if attempt.error else ""


def _waiting(harvest: Harvest, after: dict[str, Any], trouble: ApiError | None) -> dict[str, Any]:
    """Let no failed poll be due before the time that RA asked us to wait for."""
    until = harvest.client.not_before
    is_to_wait = isinstance(trouble, Unavailable) and until is not None
    return {"due_at": max(after["due_at"], until)} if is_to_wait and until else {}


def _mark(conn: Connection, poll: Poll, trouble: ApiError | None, at: datetime) -> None:
    """Mark the game or achievement that RA denied in two rounds."""
    if poll.job == "unlocks" and poll.gone_at is not None and trouble is None:
        absence.undeny(conn, schema.achievements, poll.achievement_id)
    what = outcome.denied(poll, trouble)
    if what == "game":
        absence.deny(conn, schema.games, poll.game_id, at=at)
    if what == "achievement":
        absence.deny(conn, schema.achievements, poll.achievement_id, at=at)


def _plan_unlocks(conn: Connection, settings: Settings, poll: Poll, at: datetime) -> None:
    """Let new achievements of a game be listed in this very round."""
    here = known.achievements(conn, poll.game_id)
    wanted = list(watchlist.unlock_polls(settings, here, at=at))
    mine = schema.polls.c.game_id == poll.game_id
    moved_here = schema.polls.c.achievement_id.in_([own.id for own in here])
    polls.plan(conn, wanted, at=at, within=(schema.polls.c.job == "unlocks") & (mine | moved_here))
