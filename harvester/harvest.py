"""One poll from the API to the tables, and what its outcome does to the plan.

due poll -> ask -> observe -> record -> prove -> reschedule, one transaction per durable
step, until nothing is due. What an answer may do is decided here and nowhere else.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InternalError, OperationalError

from harvester import outcome, watchlist
from harvester.admission import Admission, Waiting, is_urgent
from harvester.api.client import Client
from harvester.api.pace import Pacer
from harvester.clock import Clock
from harvester.config import Settings
from harvester.endpoints import ENDPOINTS, KEPT, Observation
from harvester.errors import ApiError, GaveUp, HarvesterError, Invalid, Refused, Struck, Unavailable
from harvester.meter import Meter
from harvester.question import ask_of
from harvester.stop import Stop
from harvester.store import absence, demand, evidence, history, known, polls, runs, schema, users
from harvester.store.evidence import Attempt
from harvester.store.polls import Poll, Selection
from harvester.store.rows import Changes

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 3  # unavailable answers in a row that end a round
SHORT_PAUSE_SECONDS = 60  # a longer wait shows signs of life
PROOFS_APART = timedelta(hours=1)  # two proofs of absence need never be further apart


@dataclass(frozen=True)
class Told:
    """What a round tells whoever watches it: what is asked, or what came of it."""

    poll: Poll
    due_left: int = 0
    changes: Changes = field(default_factory=Changes)
    attempt: Attempt | None = None


@dataclass(frozen=True)
class Harvest:
    """Everything a round works with; built once by `app`, handed down."""

    engine: Engine
    client: Client
    pacer: Pacer
    meter: Meter
    clock: Clock
    stop: Stop
    run: int
    settings: Callable[[], Settings]
    tell: Callable[[Told], None] = lambda _told: None
    admission: Admission = field(default_factory=Admission)


def plan(harvest: Harvest) -> None:
    """Make the plan follow the watchlist."""
    at = harvest.clock()
    with harvest.engine.begin() as conn:
        wanted = watchlist.polls(harvest.settings(), known.achievements(conn), at=at)
        polls.plan(conn, wanted, at=at)


def round_of(harvest: Harvest, selection: Selection) -> Iterator[Told]:
    """Ask what is due, most urgent first, until nothing is; yield what came of each.

    Raises `Refused` and `BudgetSpent` at once, and `GaveUp` after three unavailable answers
    in a row or where RA asked us to wait; what was not asked stays due. A bug that strikes
    one poll keeps no other from its turn: `Struck` is raised when the round is over.
    """
    struck: list[Poll] = []
    with harvest.engine.begin() as conn:
        polls.pull_back(conn, at=harvest.clock())
    while (poll := _next(harvest, selection)) is not None:
        harvest.stop.check()
        _give_up_where_asked_to_wait(harvest)
        told = _ask_in_spite_of_bugs(harvest, poll, selection, struck)
        if told is not None:
            yield told
        _give_up_when_unavailable(harvest, told)
    if struck:
        raise Struck(
            f"a bug struck {len(struck)} polls (first: {struck[0].job} {struck[0].target}), which "
            "are put off; please report the traceback above"
        )


def _ask_in_spite_of_bugs(
    harvest: Harvest, poll: Poll, selection: Selection, struck: list[Poll]
) -> Told | None:
    """Ask one poll; one that a bug of ours strikes waits, and its turn is over."""
    try:
        return ask(harvest, poll, selection)
    except HarvesterError:
        raise
    except (OperationalError, InternalError):  # the database fails us, whatever is asked
        raise
    except Exception as bug:
        log.exception("a bug struck %s %s; it is put off", poll.job, poll.target)
        with harvest.engine.begin() as conn:
            polls.change(conn, poll, **outcome.struck(poll, harvest.clock(), bug))
        struck.append(poll)
        return None


def _next(harvest: Harvest, selection: Selection) -> Poll | None:
    """Choose the most urgent of what is due, but for what has to wait for budget."""
    at = harvest.clock()
    with harvest.engine.connect() as conn:
        poll = polls.next_due(conn, selection, at=at)
        if poll is None or is_urgent(poll):
            return poll
        room = harvest.admission.room(conn, harvest.meter, at=at)
        fits = demand.fitting(room)
        return polls.next_due(conn, selection, at=at, only=fits) if fits else poll


def waiting(harvest: Harvest, selection: Selection) -> list[Waiting]:
    """Tell what this round leaves due because what is more urgent will need the budget."""
    with harvest.engine.connect() as conn:
        return harvest.admission.waiting(conn, harvest.meter, selection, at=harvest.clock())


def _give_up_where_asked_to_wait(harvest: Harvest) -> None:
    until = harvest.client.not_before
    if until is not None and until > harvest.clock():
        raise GaveUp(f"RA asked us to wait until {until:%Y-%m-%d %H:%M:%S} UTC; the rest stays due")


def _give_up_when_unavailable(harvest: Harvest, told: Told | None) -> None:
    if harvest.client.failures_in_a_row >= GIVE_UP_AFTER:
        last = f" (the last: {told.attempt.error})" if told and told.attempt else ""
        raise GaveUp(f"RA gave no usable answer three times in a row; the rest stays due{last}")


@dataclass(frozen=True)
class _Look:
    """How far one look has come: its newest instant, what it wrote, and what went wrong."""

    at: datetime
    changes: Changes = field(default_factory=Changes)
    trouble: ApiError | None = None


def ask(harvest: Harvest, poll: Poll, selection: Selection) -> Told:
    """Ask one poll, remember what it told, prove that we looked, and plan the next time.

    Raises `Refused`, after writing it down; every other `ApiError` becomes an outcome.
    """
    harvest.tell(Told(poll, _due_left(harvest, selection)))
    sent = harvest.client.sent
    look = _look(harvest, poll)
    attempt = _attempt(look, harvest.clock(), harvest.client.sent - sent)
    attempt = _finish(harvest, poll, attempt, look.trouble)
    if isinstance(look.trouble, Refused):
        raise look.trouble
    return Told(poll, changes=look.changes, attempt=attempt)


def _look(harvest: Harvest, poll: Poll) -> _Look:
    """Ask, and commit what is told step by step, until all is told or something is wrong."""
    look = _Look(poll.last_attempt_at or poll.watched_from)
    try:
        for observation in _observe(harvest, poll):
            changes, at = _commit(harvest, poll, observation, since=look.at)
            look = _Look(at, look.changes + changes)
    except ApiError as trouble:
        return replace(look, trouble=trouble)
    return look


def _attempt(look: _Look, now: datetime, requests: int) -> Attempt:
    """Put a look that is over into the words of the evidence."""
    trouble, at = look.trouble, max(now, look.at)
    why = str(trouble) if trouble else None
    if trouble is None or outcome.is_answered(trouble):
        word = "changed" if look.changes else "unchanged"
        return Attempt(word, at, requests, look.changes, why)
    body = trouble.body if isinstance(trouble, Invalid) else None
    return Attempt(trouble.outcome, at, requests, look.changes, why, body)


def _due_left(harvest: Harvest, selection: Selection) -> int:
    with harvest.engine.connect() as conn:
        return polls.count_due(conn, selection, at=harvest.clock())


def _observe(harvest: Harvest, poll: Poll) -> Iterator[Observation]:
    with harvest.engine.connect() as conn:
        question = ask_of(conn, harvest.settings(), poll, at=harvest.clock())
    return ENDPOINTS[poll.job].observe(harvest.client.get, poll.place, question)


def _commit(
    harvest: Harvest, poll: Poll, observation: Observation, *, since: datetime
) -> tuple[Changes, datetime]:
    """Make one durable step, at the instant its answer arrived; tell that instant.

    Where the clock stepped back, the newest instant already written is used: `since` is
    that of this poll's step before.
    """
    at = max(harvest.clock(), since)
    while True:
        try:
            with harvest.engine.begin() as conn:
                return _write(conn, harvest, poll, observation, at), at
        except history.BehindHistory as behind:
            at = behind.newest


def _write(
    conn: Connection, harvest: Harvest, poll: Poll, observation: Observation, at: datetime
) -> Changes:
    """Write batches, absences, tokens and cursor of one step."""
    poll = polls.reload(conn, poll)
    fetch_id = evidence.reserve(conn, poll)
    batches, changes = users.bind(conn, observation.batches, at=at, fetch_id=fetch_id)
    for batch in batches:
        changes += history.record(conn, batch, at=at, fetch_id=fetch_id)
        absence.sighted(conn, batch)
    listings, met = users.bind_listings(conn, observation.listings, at=at, fetch_id=fetch_id)
    changes += met
    for listing in listings:
        changes += absence.settle(conn, listing, at=at, spacing=_spacing(harvest))
    for gone in observation.gone:
        changes += absence.mark_gone(conn, gone, at=at)
    changes += _remember(conn, poll, observation, at, fetch_id)
    if changes:
        polls.change(conn, poll, fetch_id=fetch_id)
    for job, tokens in observation.tokens.items():
        unmoved = polls.notice(conn, job, tokens, at=at)
        if unmoved:
            evidence.imply(conn, unmoved, at=at)
    _beat(conn, harvest, at)
    return changes


def _spacing(harvest: Harvest) -> timedelta:
    return min(harvest.settings().jobs.unlocks.sweep, PROOFS_APART)


def _remember(
    conn: Connection, poll: Poll, observation: Observation, at: datetime, fetch_id: int
) -> Changes:
    """Note in the poll how far it has come, who its user is, and what it read completely."""
    changes = Changes()
    noted: dict[str, Any] = {"cursor": _json(observation.cursor)}
    if observation.memory is not KEPT:
        noted["memory"] = _json(observation.memory)
    if observation.user is not None:
        ids, changes = users.resolve(conn, [observation.user], at=at, fetch_id=fetch_id)
        noted["user_id"] = ids[observation.user]
    if observation.token is not None:
        noted |= {"token": observation.token, "listed_at": at, "priority": polls.SWEEP}
    polls.change(conn, poll, **noted)
    return changes


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


def _beat(conn: Connection, harvest: Harvest, at: datetime) -> None:
    pulse = runs.Pulse(
        requests=harvest.meter.requests,
        requests_on=harvest.meter.day,
        requests_that_day=harvest.meter.counted_that_day,
        pace_factor=harvest.pacer.factor,
        quiet_since_at=harvest.pacer.quiet_since_at,
        not_before_at=harvest.client.not_before,
    )
    runs.beat(conn, harvest.run, pulse, at=at)


def beat(harvest: Harvest) -> None:
    """Tell the database that this process lives, though it asks nothing."""
    with harvest.engine.begin() as conn:
        _beat(conn, harvest, harvest.clock())


def pause(harvest: Harvest, seconds: float) -> None:
    """Wait while telling the database that this process lives; raise `Stopped` when asked to."""
    while seconds > 0:
        beat(harvest)  # first: what RA asked us to wait for must outlive this process
        harvest.stop.wait(min(seconds, SHORT_PAUSE_SECONDS))
        seconds -= SHORT_PAUSE_SECONDS


def end(harvest: Harvest) -> None:
    """Account for what was asked last, and end the run in good order."""
    at = harvest.clock()
    harvest.meter.settle()
    with harvest.engine.begin() as conn:
        _beat(conn, harvest, at)
        runs.end(conn, harvest.run, at=at)


def _judged(poll: Poll, attempt: Attempt) -> Attempt:
    """Call a look changed that wrote anything, be it before it was broken off and taken up."""
    has_written = poll.fetch_id is not None
    is_changed = attempt.outcome == "unchanged" and has_written
    return replace(attempt, outcome="changed") if is_changed else attempt


def _finish(harvest: Harvest, poll: Poll, attempt: Attempt, trouble: ApiError | None) -> Attempt:
    """Prove the look and plan the next one, in one transaction; tell what the look came to."""
    settings = harvest.settings()
    with harvest.engine.begin() as conn:
        poll = polls.reload(conn, poll)
        attempt, at = _judged(poll, attempt), attempt.at
        evidence.prove(conn, poll, attempt)
        after = outcome.after(settings, poll, attempt, trouble, now=harvest.clock())
        polls.change(conn, poll, **_waiting(harvest, after, trouble))
        _mark(conn, poll, trouble, at)
        if poll.job == "progress" and poll.fetch_id is not None:
            _plan_unlocks(conn, settings, poll, at)
        _beat(conn, harvest, at)
    log.info("%s %s: %s%s", poll.job, poll.target, attempt.outcome, _why(attempt))
    return attempt


def _why(attempt: Attempt) -> str:
    return f" ({attempt.error})" if attempt.error else ""


def _waiting(harvest: Harvest, after: dict[str, Any], trouble: ApiError | None) -> dict[str, Any]:
    """Let no failed poll be due before the time that RA asked us to wait for."""
    until = harvest.client.not_before
    if not isinstance(trouble, Unavailable) or until is None:
        return after
    return {**after, "due_at": max(after["due_at"], until)}


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


def make_due(harvest: Harvest, selection: Selection, *, is_forced: bool) -> None:
    """Count everything selected as due now (`fetch --all`, `fetch --force`).

    What is asked for by hand may use all that is left of the budget.
    """
    harvest.admission.is_by_hand = True
    with harvest.engine.begin() as conn:
        polls.make_due(conn, selection, at=harvest.clock(), is_forced=is_forced)
