"""Rounds: what is due is asked, the most urgent first, until nothing is.

due poll -> look (`look`) -> told; how a round ends early is decided here and nowhere else.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from sqlalchemy.exc import InternalError, OperationalError

from harvester import flight, outcome, standstill, watchlist
from harvester.admission import Waiting
from harvester.choice import Choice
from harvester.errors import GaveUp, HarvesterError, Refused, Struck
from harvester.look import ask
from harvester.process import Harvest, Told, beat, end, pause
from harvester.store import known, pairs, polls
from harvester.store.polls import Poll, Selection

__all__ = [
    "Harvest",
    "Told",
    "ask",
    "beat",
    "end",
    "make_due",
    "pause",
    "plan",
    "round_of",
    "waiting",
]

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 3  # unavailable answers in a row that end a round


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
    with standstill.noted(harvest), closing(walk(harvest, selection, struck)) as told:
        yield from standstill.ended(harvest, told)
    standstill.settle(harvest)
    if struck:
        raise Struck(
            f"a bug struck {len(struck)} polls (first: {struck[0].job} {struck[0].target}), which "
            "are put off; please report the traceback above"
        )


def _one_by_one(harvest: Harvest, selection: Selection, struck: list[Poll]) -> Generator[Told]:
    while (poll := _next(harvest, selection)) is not None:
        harvest.stop.check()
        _give_up_where_asked_to_wait(harvest)
        told = _ask_in_spite_of_bugs(harvest, poll, selection, struck)
        if told is not None:
            yield told
        _give_up_when_unavailable(harvest, told)


def _together(harvest: Harvest, selection: Selection, struck: list[Poll]) -> Generator[Told]:
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
    with harvest.reads.connect() as conn:
        return choice.beside(conn, in_hand) if in_hand else choice.next(conn)


def waiting(harvest: Harvest, selection: Selection) -> list[Waiting]:
    """Tell what this round leaves due because what is more urgent will need the budget."""
    with harvest.reads.connect() as conn:
        return harvest.admission.waiting(conn, harvest.meter, selection, at=harvest.clock())


def _give_up_where_asked_to_wait(harvest: Harvest) -> None:
    until = harvest.client.not_before
    if until is not None and harvest.client.is_asked_to_wait:
        raise GaveUp(f"RA asked us to wait until {until:%Y-%m-%d %H:%M:%S} UTC; the rest stays due")


def _give_up_when_unavailable(harvest: Harvest, told: Told | None) -> None:
    if harvest.client.failures_in_a_row >= GIVE_UP_AFTER:
        last = f" (the last: {told.attempt.error})" if told and told.attempt else ""
        raise GaveUp(f"RA gave no usable answer three times in a row; the rest stays due{last}")


def make_due(harvest: Harvest, selection: Selection, *, is_forced: bool) -> None:
    """Count everything selected as due now (`fetch --all`, `fetch --force`).

    What is asked for by hand may use all that is left of the budget.
    """
    harvest.admission.is_by_hand = True
    with harvest.engine.begin() as conn:
        polls.make_due(conn, selection, at=harvest.clock(), is_forced=is_forced)
        if is_forced:
            pairs.forget(conn, selection)
