"""What will be asked: every poll of the watchlist with what it costs a day. Pure.

settings + what the database knows -> lines, one for each poll and kind of work

The world is taken to stand still. What is read on change is forecast from how much was read
on change lately; nobody can know more.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from harvester import costs, watchlist
from harvester.config import JOBS, Settings, WatchedGame
from harvester.costs import DAY
from harvester.schedule import Cron, cron_of, looks_between
from harvester.store.outlook import Outlook, Tickets, UnlockList, listed
from harvester.store.polls import RECENT, Poll, Wanted

WORKS: Final = ("routine", "moved", "sweep")  # in the order in which they are asked
AHEAD: Final = timedelta(days=7)  # cron expressions are counted so far ahead
SURELY: Final = timedelta(days=1)  # evidence of less than a day is taken for a day's


@dataclass(frozen=True)
class Line:
    """One kind of work at one poll: how often it is done, and what that costs.

    `looks` and `requests` are those of a day. `poll` is None where nothing was planned yet.
    """

    wanted: Wanted
    work: str
    due_at: datetime
    looks: float
    requests: float
    poll: Poll | None = None

    @property
    def job(self) -> str:
        """The job that it belongs to."""
        return self.wanted.job


@dataclass(frozen=True)
class _Known:
    """What a forecast goes by.

    `own_looks` tells how often a day games are looked at for themselves, through the eyes of
    one of their players after the other.
    """

    settings: Settings
    outlook: Outlook
    at: datetime
    games: Mapping[int, WatchedGame]
    own_looks: dict[int, float] = field(default_factory=dict)

    def game(self, wanted: Wanted) -> WatchedGame:
        """Find the settings of a poll's game; a developer has none."""
        return self.games.get(wanted.game_id or 0) or _NO_GAME

    def poll(self, wanted: Wanted) -> Poll | None:
        """Find the poll as it is planned now."""
        return self.outlook.polls.get((wanted.job, wanted.target))


_NO_GAME: Final = WatchedGame(id=1)


def lines(
    settings: Settings, outlook: Outlook, *, at: datetime, jobs: Collection[str] = JOBS
) -> list[Line]:
    """Forecast every poll that the watchlist asks for. O(polls)."""
    games = {game.id: game for game in settings.watch.games}
    known = _Known(settings, outlook, at, games)
    wanted = watchlist.polls(settings, outlook.achievements, at=at)
    chosen = [one for one in wanted if one.job in jobs]
    known.own_looks.update({_game_of(one): _looks(known, one) for one in chosen if _is_own(one)})
    still = [_line(known, one) for one in chosen]
    return still + list(_moved(known, still))


def per_day(some: Iterable[Line]) -> dict[str, float]:
    """Add up the requests of a day by kind of work."""
    added: Counter[str] = Counter()
    for line in some:
        added[line.work] += line.requests  # type: ignore[assignment]
    return dict(added)


def _line(known: _Known, wanted: Wanted) -> Line:
    poll, looks = known.poll(wanted), _looks(known, wanted)
    requests = _COSTS.get(wanted.job, _one_each)(known, wanted, looks)
    work = "sweep" if wanted.job == "unlocks" else "routine"
    return Line(wanted, work, _due_at(known, wanted), looks, requests, poll)


def is_listing(settings: Settings, game: WatchedGame) -> bool:
    """Whether a game's unlock lists are wanted."""
    return watchlist.unlock_mode(settings, game) != "off"


def _is_own(wanted: Wanted) -> bool:
    """Whether a poll looks at a game for itself, for no player in particular."""
    return wanted.job == "progress" and wanted.game_id is not None and wanted.asked_as is None


def _game_of(wanted: Wanted) -> int:
    return wanted.game_id or 0


def _looks(known: _Known, wanted: Wanted) -> float:
    """Tell how often a day a poll is due: as it is planned now, or as it would be."""
    poll, cron = known.poll(wanted), cron_of(wanted.schedule)
    if cron is not None:
        looks = _firings(cron, known.at, known.settings.schedule.zone)
    else:
        is_in_force = poll is not None and poll.schedule == wanted.schedule
        seconds = poll.interval_seconds if poll and is_in_force else wanted.interval_seconds
        looks = DAY.total_seconds() / seconds
    return min(looks, 1.0) if poll is not None and poll.gone_at is not None else looks


@lru_cache(maxsize=256)
def _firings(schedule: Cron, at: datetime, zone: ZoneInfo) -> float:
    return looks_between(schedule, at, at + AHEAD, zone) / (AHEAD / DAY)


def _due_at(known: _Known, wanted: Wanted) -> datetime:
    """Tell when a poll is due: what was not planned yet at once, a changed schedule no later."""
    poll, at = known.poll(wanted), known.at
    if poll is None:
        return at
    if poll.schedule == wanted.schedule:
        return poll.due_at
    soonest = (poll.last_attempt_at or at) + timedelta(seconds=wanted.interval_seconds)
    return min(poll.due_at, max(soonest, at))


# --- what a poll costs a day, job by job -----------------------------------------------


def _game_tickets(known: _Known, wanted: Wanted, looks: float) -> float:
    game = known.game(wanted)
    kinds = (True, False) if game.unofficial else (True,)
    tickets = [known.outlook.tickets.get((game.id, kind), Tickets(0)) for kind in kinds]
    return costs.game_tickets(known.settings.jobs.game_tickets, looks, tickets)


def _one_each(_known: _Known, _wanted: Wanted, looks: float) -> float:
    return looks


def _distribution(known: _Known, wanted: Wanted, looks: float) -> float:
    job = known.settings.jobs.distribution
    return costs.distribution(job, looks, is_unofficial=known.game(wanted).unofficial)


def _progress(known: _Known, wanted: Wanted, looks: float) -> float:
    """Count surveys of a player, looks at a game for itself, and looks at a player's progress.

    A game's own look asks also for what is unofficial, or the first player's if there is none.
    """
    if wanted.game_id is None:
        return costs.survey(looks, list(known.games))
    is_shared = wanted.game_id in known.own_looks
    if is_shared and wanted.asked_as is not None:
        own = known.own_looks[wanted.game_id] / len(known.settings.watch.users)
        return max(looks - own, 0.0)
    first = () if is_shared else known.settings.watch.users[:1]
    is_unofficial = known.game(wanted).unofficial and wanted.asked_as in {None, *first}
    return costs.progress(looks, is_unofficial=is_unofficial)


def _unlocks(known: _Known, wanted: Wanted, looks: float) -> float:
    unlocks = known.outlook.unlocks.get(wanted.achievement_id or 0, 0)
    return costs.listing(looks, unlocks, is_recent=wanted.schedule.endswith(RECENT))


_COSTS: Final[Mapping[str, Callable[[_Known, Wanted, float], float]]] = {
    "game-tickets": _game_tickets,
    "progress": _progress,
    "distribution": _distribution,
    "unlocks": _unlocks,
}


# --- what moves ------------------------------------------------------------------------


def _moved(known: _Known, still: Iterable[Line]) -> Iterator[Line]:
    """Forecast readings of lists that moved from those of the last days.

    A reading that took as many requests as the whole list was no look at its head: it was a
    sweep, or will not come again.
    """
    lists = {line.wanted.achievement_id: line for line in still if line.job == "unlocks"}
    days = _evidence(known.outlook, known.at) / DAY
    for read in known.outlook.moved:
        line = lists.get(read.achievement_id)
        whole = costs.pages(known.outlook.unlocks.get(read.achievement_id, 0))
        if line is None or not line.wanted.schedule.startswith("on-change"):
            continue
        if whole == 1 or read.requests < whole:
            looks = read.times / days
            yield replace(line, work="moved", looks=looks, requests=looks * read.requests)


def _evidence(outlook: Outlook, at: datetime) -> timedelta:
    """Tell how long lists have been read on change, at most the seven days that count."""
    return max(at - (outlook.moved_since or at), SURELY)


def unlock_lists(outlook: Outlook, some: Iterable[Line]) -> list[UnlockList]:
    """Tell how far the first readings of the unlock lists among some lines are."""
    own = [line for line in some if line.work == "sweep"]
    return [_list(line, outlook.unlocks.get(line.wanted.achievement_id or 0, 0)) for line in own]


def _list(line: Line, unlocks: int) -> UnlockList:
    wanted, poll = line.wanted, line.poll
    is_recent = wanted.schedule.endswith(RECENT)
    if poll is None or (poll.schedule.endswith(RECENT) and not is_recent):
        game, own = wanted.game_id or 0, wanted.achievement_id or 0
        return UnlockList(game, own, unlocks, is_recent=is_recent)
    return replace(listed(poll, unlocks), is_recent=is_recent)
