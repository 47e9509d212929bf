"""The sections of `harvester plan`: a bill as rows, and in words. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import isinf
from typing import Any, Final

from harvester import bill as bills
from harvester import forecast, remedies
from harvester.backlog import Backlog
from harvester.bill import Bill
from harvester.costs import DAY
from harvester.forecast import Line

Rows = list[dict[str, Any]]

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "polls": ("job", "target", "due_at", "looks_per_day", "requests_per_day"),
    "targets": ("kind", "id", "name", "requests_per_day", "budget_share"),
    "due": ("job", "polls", "due_now", "next_due_at"),
    "jobs": ("job", "requests_per_hour", "requests_per_day", "pace_share", "budget_share"),
    "backfill": (
        "game",
        "achievements_done",
        "achievements_left",
        "rows_done",
        "rows_left",
        "requests_left",
    ),
    "slips": ("work", "job", "requests_per_day", "granted_per_day", "late_hours"),
    "settings": ("setting", "saves_requests_per_day", "loss"),
}
"""The columns of every section, in the order in which people read them."""

HEADINGS: Final[Mapping[str, str]] = {
    "polls": "Polls, the next one first",
    "targets": "What is watched (a player's requests are also those of the games)",
    "due": "What is due",
    "jobs": "Requests by job",
    "backfill": "First listings of unlocks (backfill)",
    "slips": "What fits, the most urgent first",
    "settings": "Any one of these settings makes it fit",
}
_IN_ALL: Final = "all"


def rows(bill: Bill, section: str, *, is_each: bool = False) -> Rows:
    """Return the rows of one section."""
    found = _polls(bill, is_each=is_each) if section == "polls" else _SECTIONS[section](bill)
    return [{name: row.get(name) for name in COLUMNS[section]} for row in found]


def document(bill: Bill, *, is_each: bool = False) -> dict[str, Any]:
    """Return everything as one object: totals, then the sections."""
    sections = {name: rows(bill, name, is_each=is_each) for name in COLUMNS}
    return {**_totals(bill), **sections, "notes": notes(bill)}


def _totals(bill: Bill) -> dict[str, Any]:
    budget = None if isinf(bill.limits.daily_budget) else bill.limits.daily_budget
    left = bill.backlog.requests_left
    return {
        "at": bill.at,
        "requests_per_second": bill.limits.per_second,
        "daily_budget": budget,
        "requests_today": bill.limits.requests_today,
        "requests_per_hour": round(bill.requests / 24, 2),
        "requests_per_day": round(bill.requests, 1),
        "is_fitting": bill.is_fitting,
        "backfill_requests_left": left,
        "backfill_ends_at": None if bill.backlog.is_over else bill.ends_at(left),
    }


# --- sections --------------------------------------------------------------------------


def _polls(bill: Bill, *, is_each: bool) -> Rows:
    """Return a row for every poll, those that are due first; unlock lists by game unless each."""
    targets: dict[tuple[str, str], list[Line]] = {}
    for line in bill.lines:
        targets.setdefault((line.job, line.wanted.target), []).append(line)
    single = [_poll(some) for some in targets.values()]
    found = single if is_each else list(_folded(single))
    found.sort(key=lambda row: (row["due_at"], row["job"], row["target"]))
    return found


def _poll(some: Sequence[Line]) -> dict[str, Any]:
    first = some[0]
    return {
        "job": first.job,
        "target": first.wanted.target,
        "due_at": first.due_at,
        "looks_per_day": _rounded(sum(line.looks for line in some)),
        "requests_per_day": _rounded(sum(line.requests for line in some)),
        "game_id": first.wanted.game_id,
        "is_listed": first.poll is not None and first.poll.listed_at is not None,
    }


def _folded(single: Rows) -> Iterator[dict[str, Any]]:
    """Make one row of the unlock lists of a game."""
    for (job, game), group in groupby(single, key=lambda row: (row["job"], row["game_id"])):
        these = list(group)
        yield from [_of_game(game, these)] if job == "unlocks" else these


def _of_game(game: int, lists: Rows) -> dict[str, Any]:
    listed = sum(row["is_listed"] for row in lists)
    return {
        "job": "unlocks",
        "target": f"game {game}: {listed} of {len(lists)} achievements listed",
        "due_at": min(row["due_at"] for row in lists),
        "looks_per_day": _rounded(sum(row["looks_per_day"] for row in lists)),
        "requests_per_day": _rounded(sum(row["requests_per_day"] for row in lists)),
    }


def _due(bill: Bill) -> Iterator[dict[str, Any]]:
    for job, lines in _by_job(bill):
        due = {line.wanted.target: line.due_at for line in lines}
        later = [at for at in due.values() if at > bill.at]
        yield {
            "job": job,
            "polls": len(due),
            "due_now": len(due) - len(later),
            "next_due_at": min(later, default=None),
        }


def _by_job(bill: Bill) -> Iterator[tuple[str, list[Line]]]:
    for job in dict.fromkeys(line.job for line in bill.lines):
        yield job, [line for line in bill.lines if line.job == job]


def _jobs(bill: Bill) -> Iterator[dict[str, Any]]:
    by_job = bills.by_job(bill.lines)
    for job, requests in [*by_job.items(), (_IN_ALL, bill.requests)]:
        yield {
            "job": job,
            "requests_per_hour": _rounded(requests / 24),
            "requests_per_day": _rounded(requests),
            "pace_share": round(requests / bill.limits.pace_per_day, 4),
            "budget_share": _share(bill, requests),
        }


def _share(bill: Bill, requests: float) -> float | None:
    budget = bill.limits.daily_budget
    return None if isinf(budget) else round(requests / budget, 4)


def _targets(bill: Bill) -> Iterator[dict[str, Any]]:
    """Yield what every game, player and developer costs, as the watchlist has them."""
    watch, known, costs = bill.settings.watch, bill.outlook, _costs(bill)
    for game in watch.games:
        yield _target(bill, "game", game.id, known.titles.get(game.id), costs["game", game.id])
    for name in watch.users:
        yield _target(bill, "user", name, known.names.get(name), costs["progress", name])
    for name in watch.developers:
        own = costs["developer-tickets", name]
        yield _target(bill, "developer", name, known.names.get(name), own)


def _costs(bill: Bill) -> dict[tuple[str, int | str], float]:
    """Add up the requests of a day by game, and by job and whoever is asked about."""
    added: dict[tuple[str, int | str], float] = defaultdict(float)
    for line in bill.lines:
        if line.wanted.game_id is not None:
            added["game", line.wanted.game_id] += line.requests
        if line.wanted.asked_as is not None:
            added[line.job, line.wanted.asked_as] += line.requests
    return added


def _target(
    bill: Bill, kind: str, own: int | str, name: str | None, requests: float
) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": own,
        "name": name,
        "requests_per_day": _rounded(requests),
        "budget_share": _share(bill, requests),
    }


def _backfill(bill: Bill) -> Iterator[dict[str, Any]]:
    """Yield the games whose unlocks are not listed yet; what is not known is None."""
    games = bill.backlog_by_game
    for game in _listing_games(bill):
        if game not in games:
            yield {"game": str(game)}
        elif not games[game].is_over:
            yield {"game": str(game), **_told(games[game])}
    if not bill.backlog.is_over:
        yield {"game": _IN_ALL, **_told(bill.backlog)}


def _listing_games(bill: Bill) -> list[int]:
    return [
        game.id for game in bill.settings.watch.games if forecast.is_listing(bill.settings, game)
    ]


def _told(backlog: Backlog) -> dict[str, int]:
    return {
        "achievements_done": backlog.achievements_done,
        "achievements_left": backlog.achievements_left,
        "rows_done": backlog.rows_done,
        "rows_left": backlog.rows - backlog.rows_done,
        "requests_left": backlog.requests_left,
    }


def _slips(bill: Bill) -> Iterator[dict[str, Any]]:
    for slip in bill.slips:
        is_backfill = slip.work == bills.BACKFILL
        yield {
            "work": slip.work,
            "job": slip.job,
            "requests_per_day": None if is_backfill else _rounded(slip.needed),
            "granted_per_day": _rounded(max(slip.granted, 0)),
            "late_hours": None if slip.late is None else round(slip.late / timedelta(hours=1), 1),
        }


def _settings(bill: Bill) -> Iterator[dict[str, Any]]:
    for one in remedies.remedies(bill):
        saves = None if one.saves is None else _rounded(one.saves)
        yield {"setting": one.setting, "saves_requests_per_day": saves, "loss": one.loss}


_SECTIONS: Final[Mapping[str, Callable[[Bill], Iterator[dict[str, Any]]]]] = {
    "targets": _targets,
    "due": _due,
    "jobs": _jobs,
    "backfill": _backfill,
    "slips": _slips,
    "settings": _settings,
}


def _rounded(number: float) -> float:
    """Round to what a reader needs: tenths, and two digits of what is small."""
    return round(number, 1) if number >= 1 else round(number, 3)


# --- in words --------------------------------------------------------------------------


def notes(bill: Bill) -> list[str]:
    """Say what the numbers rest on, and what comes of them, a line each."""
    if not bill.lines:
        return ["nothing is watched; `harvester watch add --game ID` adds a game"]
    return [*_of_evidence(bill), *_of_unknown(bill), *_of_limits(bill), *_of_backfill(bill)]


def _of_evidence(bill: Bill) -> Iterator[str]:
    since = bill.outlook.moved_since
    if since is None:
        return
    requests = _count(sum(line.requests for line in bill.lines if line.work == "moved"))
    days = (bill.at - since) / DAY
    if days < 1:
        yield "lists are watched for less than a day: how much is read when they move is not known"
    else:
        yield f"what is read when lists move is that of the last {days:.1f} days: {requests} a day"


def _of_unknown(bill: Bill) -> Iterator[str]:
    unknown = [game for game in _listing_games(bill) if game not in bill.backlog_by_game]
    if unknown:
        yield (
            f"{_games(len(unknown))} never asked about: how many achievements, unlocks and "
            "tickets there are is not known yet, so that more will be asked than is told here"
        )


def _games(number: int) -> str:
    return "1 game was" if number == 1 else f"{number} games were"


def _of_limits(bill: Bill) -> Iterator[str]:
    until = bill.outlook.not_before_at
    if until is not None and until > bill.at:
        yield f"RA asked us to wait until {_instant(until)}"
    if bill.requests > bill.limits.per_day:
        limit = "daily_budget" if bill.limits.is_budget_tighter else "requests_per_second"
        yield (
            f"this does not fit: {_count(bill.requests)} a day are due, "
            f"{limit} lets {_count(bill.limits.per_day)} through"
        )
    elif not bill.is_fitting:
        yield "this does not fit: nothing is left for first listings"


def _of_backfill(bill: Bill) -> Iterator[str]:
    if not bill.backlog.is_over:
        yield progress(bill, bill.backlog)


def progress(bill: Bill, backlog: Backlog) -> str:
    """Say how far first listings are, and when they are through beside what the bill tells of."""
    ends_at = bill.ends_at(backlog.requests_left)
    end = f"through at about {_instant(ends_at)}" if ends_at else "never through at this pace"
    return f"backfill: {backlog}; {end}"


def _count(requests: float) -> str:
    return f"{requests:,.0f} requests"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
