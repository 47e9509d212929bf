"""One poll from the API to the tables, and what its outcome does to the plan.

due poll -> ask -> observe -> record -> prove -> reschedule, one transaction per durable
step, until nothing is due. What an answer may do is decided here and nowhere else.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InternalError, OperationalError

from harvester import flight, outcome, step, watchlist
from harvester.admission import Admission, Waiting
from harvester.api.client import Client
from harvester.api.pace import Pacer
from harvester.asker import Asker
from harvester.choice import Choice
from harvester.clock import Clock
from harvester.config import Settings
from harvester.endpoints import ENDPOINTS, Observation, Steps
from harvester.errors import ApiError, GaveUp, HarvesterError, Invalid, Refused, Struck, Unavailable
from harvester.meter import Meter
from harvester.question import ask_of
from harvester.stop import Stop
from harvester.store import (
    absence,
    evidence,
    history,
    known,
    moving,
    pairs,
    polls,
    runs,
    schema,
)
from harvester.store.evidence import Attempt
from harvester.store.polls import Poll, Selection
from harvester.store.rows import Changes

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 3  # unavailable answers in a row that end a round
SHORT_PAUSE_SECONDS = 60  # a longer wait shows signs of life
PROOFS_APART = timedelta(hours=1)  # two proofs of absence need never be further apart


def _none_due() -> int:
    return 0


@dataclass(frozen=True)
class Told:
    """What a round tells whoever watches it: what is asked, or what came of it.

    `due_left` counts what is still due when it is called.
    """

    poll: Poll
    due_left: Callable[[], int] = _none_due
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
    evidence_ids: Iterator[int]
    tell: Callable[[Told], None] = lambda _told: None
    admission: Admission = field(default_factory=Admission)
    in_flight: int = 1


def plan(harvest: Harvest) -> None:
    """Make the plan follow the watchlist."""
    at = harvest.clock()
    with harvest.engine.begin() as conn:
        wanted = watchlist.polls(harvest.settings(), known.achievements(conn), at=at)
        polls.plan(conn, wanted, at=at)
        pairs.adopt(conn)


def round_of(harvest: Harvest, selection: Selection) -> Iterator[Told]:
    """Ask what is due, most urgent first, until nothing is; yield what came of each.

    Raises `Refused` and `BudgetSpent` at once, and `GaveUp` after three unavailable answers
    in a row or where RA asked us to wait; what was not asked stays due. A bug that strikes
    one poll keeps no other from its turn: `Struck` is raised when the round is over.
    """
    struck: list[Poll] = []
    with harvest.engine.begin() as conn:
        polls.pull_back(conn, at=harvest.clock())
    walk = _one_by_one if harvest.in_flight == 1 else _together
    yield from walk(harvest, selection, struck)
    if struck:
        raise Struck(
            f"a bug struck {len(struck)} polls (first: {struck[0].job} {struck[0].target}), which "
            "are put off; please report the traceback above"
        )


def _one_by_one(harvest: Harvest, selection: Selection, struck: list[Poll]) -> Iterator[Told]:
    while (poll := _next(harvest, selection)) is not None:
        harvest.stop.check()
        _give_up_where_asked_to_wait(harvest)
        told = _ask_in_spite_of_bugs(harvest, poll, selection, struck)
        if told is not None:
            yield told
        _give_up_when_unavailable(harvest, told)


def _together(harvest: Harvest, selection: Selection, struck: list[Poll]) -> Iterator[Told]:
    """Ask several polls at once, each in a thread of its own (see `flight`)."""
    failed: Told | None = None
    refused: Poll | None = None

    def choose(in_hand: Sequence[Poll]) -> Poll | None:
        _give_up_when_unavailable(harvest, failed)
        if harvest.client.is_pausing:
            return None
        _give_up_where_asked_to_wait(harvest)
        return _next(harvest, selection, in_hand)

    def work(poll: Poll) -> Told | None:
        nonlocal failed, refused
        try:
            told = _ask_in_spite_of_bugs(harvest, poll, selection, struck)
        except Refused:
            refused = poll
            raise
        failed = told if told and told.attempt and told.attempt.error else failed
        return told

    try:
        yield from flight.together(choose, work, most=harvest.in_flight, stop=harvest.stop)
    finally:
        if refused is not None:  # of all that were in hand, this one ended the round
            harvest.tell(Told(refused))


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


def _next(harvest: Harvest, selection: Selection, in_hand: Sequence[Poll] = ()) -> Poll | None:
    choice = Choice(selection, harvest.meter, harvest.admission, harvest.clock())
    with harvest.engine.connect() as conn:
        return choice.beside(conn, in_hand) if in_hand else choice.next(conn)


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
    if poll.digests is None or poll.user_id is None:
        return poll.digests
    with harvest.engine.connect() as conn:
        return None if absence.is_suspected(conn, poll.user_id) else poll.digests


def _look(harvest: Harvest, poll: Poll, get: Asker) -> _Look:
    """Ask, and commit what is told step by step, until all is told or something is wrong.

    Each step is told what it changed. What may be broken off is, after each step: something
    more urgent may have become due.
    """
    fetch_id = poll.fetch_id or next(harvest.evidence_ids)
    look, changes = _Look(poll, poll.last_attempt_at or poll.watched_from), None
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
    with harvest.engine.connect() as conn:
        return polls.count_due(conn, selection, at=harvest.clock())


def _observe(harvest: Harvest, poll: Poll, get: Asker) -> Steps:
    with harvest.engine.connect() as conn:
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
                _beat(conn, harvest, at)
        except history.BehindHistory as behind:
            at = behind.newest
        else:
            return replace(look, poll=poll, at=at), changes


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
        _beat(conn, harvest, attempt.at)
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


def make_due(harvest: Harvest, selection: Selection, *, is_forced: bool) -> None:
    """Count everything selected as due now (`fetch --all`, `fetch --force`).

    What is asked for by hand may use all that is left of the budget.
    """
    harvest.admission.is_by_hand = True
    with harvest.engine.begin() as conn:
        polls.make_due(conn, selection, at=harvest.clock(), is_forced=is_forced)
        if is_forced:
            pairs.forget(conn, selection)
