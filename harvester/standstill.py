"""A harvest that cannot go on says so in the database, and when it can again.

`gaps` tells by that why a poll was not asked, whose turn never came.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from harvester.errors import BudgetSpent, GaveUp, HarvesterError, Refused
from harvester.process import Harvest, Told
from harvester.store import interruptions
from harvester.store.evidence import Attempt

NO_ANSWER = ("unavailable", "refused")


@contextmanager
def noted(harvest: Harvest) -> Iterator[None]:
    """Write down why a round ends before its time."""
    try:
        yield
    except (GaveUp, BudgetSpent, Refused) as trouble:
        with harvest.engine.begin() as conn:
            interruptions.begin(conn, _reason(trouble), at=harvest.clock())
        raise


def _reason(trouble: HarvesterError) -> str:
    if isinstance(trouble, Refused):
        return interruptions.REFUSED
    if isinstance(trouble, BudgetSpent):
        return interruptions.BUDGET
    return interruptions.named(str(trouble))


def ended(harvest: Harvest, told: Iterator[Told]) -> Iterator[Told]:
    """Pass on what came of each poll; the first answer ends what kept us from asking."""
    with harvest.reads.connect() as conn:
        is_any = interruptions.is_any(conn)
    for one in told:
        if is_any and (answer := _answer(one)):
            with harvest.engine.begin() as conn:
                interruptions.end(conn, at=answer.at)
            is_any = False
        yield one


def _answer(told: Told) -> Attempt | None:
    """Tell what RA answered, if it was asked and did."""
    attempt = told.attempt
    is_any = attempt is not None and attempt.requests > 0 and attempt.outcome not in NO_ANSWER
    return attempt if is_any else None


def settle(harvest: Harvest) -> None:
    """Write down what waits for budget now that a round is over. Cost: O(polls that are due).

    A round by hand says nothing about that: it may use all that is left.
    """
    if harvest.admission.is_by_hand:
        return
    with harvest.engine.begin() as conn:
        at = harvest.clock()
        waiting = harvest.admission.held_back(conn, harvest.meter, at=at)
        interruptions.settle(conn, waiting, at=at)
