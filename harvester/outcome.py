"""What an outcome does to the plan. Pure: poll and outcome in, columns of the plan out."""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from harvester import watchlist
from harvester.config import Settings
from harvester.errors import ApiError, NotFound, PlayerUnreadable, Refused
from harvester.schedule import OnChange, next_due
from harvester.store.evidence import Attempt
from harvester.store.polls import Poll

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(days=1)
GONE_PAUSE = timedelta(days=1)
DOUBLINGS = 9  # 5 minutes doubled this often is more than a day


def after(
    settings: Settings, poll: Poll, attempt: Attempt, trouble: ApiError | None
) -> dict[str, Any]:
    """Tell the new columns of a poll after an attempt."""
    columns: dict[str, Any] = {
        "last_attempt_at": attempt.at,
        "last_outcome": attempt.outcome,
        "last_error": attempt.error,
        "fetch_id": None,
        "due_at": _due_at(settings, poll, attempt, trouble),
    }
    if trouble is None:
        return {**columns, "last_ok_at": attempt.at, "failures": 0, "gone_at": None}
    failures = poll.failures + (not isinstance(trouble, Refused))
    gone_at = (poll.gone_at or attempt.at) if isinstance(trouble, NotFound) else poll.gone_at
    return {**columns, "failures": failures, "gone_at": gone_at}


def denied(poll: Poll, trouble: ApiError | None) -> str | None:
    """Tell what RA denied twice in a row ("game", "achievement" …); None: nothing so far."""
    again = poll.last_outcome == NotFound.outcome
    return trouble.what if again and isinstance(trouble, NotFound) else None


def _due_at(settings: Settings, poll: Poll, attempt: Attempt, trouble: ApiError | None) -> datetime:
    scheduled = _scheduled(settings, poll, attempt.at)
    if trouble is None or isinstance(trouble, PlayerUnreadable):
        return scheduled
    if isinstance(trouble, Refused):
        return poll.due_at
    if isinstance(trouble, NotFound):
        again = poll.last_outcome == NotFound.outcome
        return max(scheduled, attempt.at + GONE_PAUSE) if again else scheduled
    return attempt.at + pause(poll)


def _scheduled(settings: Settings, poll: Poll, at: datetime) -> datetime:
    games = {game.id: game for game in settings.watch.games}
    schedule = watchlist.job_schedule(settings, poll.job, games.get(poll.game_id or 0))
    clockwork = watchlist.sweep(settings) if isinstance(schedule, OnChange) else schedule
    first = poll.last_attempt_at is None
    return next_due(
        clockwork,
        at,
        due_at=None if first else poll.due_at,
        target=f"{poll.job} {poll.target}",
        timezone=settings.schedule.zone,
    )


def pause(poll: Poll) -> timedelta:
    """Tell how long a failing poll rests: 5 minutes doubling to a day.

    Shortened by up to a fifth, so that polls that failed together do not come back together.
    """
    doubled = min(FIRST_PAUSE * 2 ** min(poll.failures, DOUBLINGS), LONGEST_PAUSE)
    share = blake2b(f"{poll.job} {poll.target} {poll.failures}".encode(), digest_size=2).digest()
    shortened = doubled * (1 - int.from_bytes(share) / 0xFFFF / 5)
    return timedelta(seconds=int(shortened.total_seconds()))
