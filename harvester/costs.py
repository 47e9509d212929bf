"""What looking costs in a world that stands still: requests a day, job by job. Pure.

Every function takes `looks`, how often a day the poll is due. What is asked less often than
that (a listing, a distribution) is asked at the first look at which it is due.
"""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil, floor
from typing import Final

from harvester.api import standings
from harvester.settings import DistributionJob, GameTicketsJob
from harvester.store.outlook import Tickets

DAY: Final = timedelta(days=1)
UNLOCKS_PAGE: Final = 500
TICKETS_PAGE: Final = 100
HARDCORE_AND_CASUAL: Final = 2
IN_TIME: Final = 0.95  # of its age is enough for a ticket to be looked at again
_ROUNDING: Final = 1e-9


def pages(rows: int, page: int = UNLOCKS_PAGE) -> int:
    """Tell how many pages a list takes: each begins with the last row of the one before."""
    return 1 + ceil(max(rows - page + 1, 0) / (page - 1))


def at_looks(looks: float, every: timedelta) -> float:
    """Tell how often a day something is asked that is due `every` so long, at looks only."""
    if looks <= 0:
        return 0.0
    return looks / max(ceil(every / DAY * looks - _ROUNDING), 1)


def game_tickets(job: GameTicketsJob, looks: float, kinds: Iterable[Tickets]) -> float:
    """Count a game's tickets, of each kind, or list them where a state may have changed.

    A listing tells the count as well.
    """
    return sum(looks + (_more_pages(job, looks, tickets) if job.detail else 0) for tickets in kinds)


def _more_pages(job: GameTicketsJob, looks: float, tickets: Tickets) -> float:
    """Tell how many pages come on top of one request for each look."""
    whole = at_looks(looks, job.recheck_closed * IN_TIME)
    partly = max(at_looks(looks, job.recheck * IN_TIME) - whole, 0.0)
    deep = pages(tickets.listed, TICKETS_PAGE) - 1
    return whole * deep + partly * (pages(tickets.down_to_unsettled, TICKETS_PAGE) - 1)


def survey(looks: float, games: Iterable[int]) -> float:
    """Ask how far one player is in all games, in as few questions as URLs have room for."""
    return looks * max(1, len(list(standings.chunks([*games]))))


def distribution(job: DistributionJob, looks: float, *, is_unofficial: bool) -> float:
    """Ask for the official ones at most so long apart, for unofficial ones at every look."""
    official = _in_time(looks, job.at_most) if job.at_most else looks
    return HARDCORE_AND_CASUAL * (official + (looks if is_unofficial else 0.0))


def _in_time(looks: float, at_most: timedelta) -> float:
    """Tell how often a day something is asked that must never be older, at looks only."""
    return looks / max(floor(at_most / DAY * looks + _ROUNDING), 1)


def progress(looks: float, *, is_unofficial: bool) -> float:
    """Ask for one player's progress in a game; with unofficial achievements, for those, too."""
    return looks * (2 if is_unofficial else 1)


def listing(looks: float, unlocks: int, *, is_recent: bool) -> float:
    """Read an unlock list completely; only its head where no more is wanted."""
    return looks * (1 if is_recent else pages(unlocks))
