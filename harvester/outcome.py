"""What an outcome does to the plan. Pure: poll and outcome in, columns of the plan out."""

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from harvester import watchlist
from harvester.config import Settings
from harvester.errors import ApiError, NotFound, PlayerUnreadable, Refused
from harvester.schedule import Cron, adapted, every_of, interval_seconds, next_due
from harvester.store.evidence import Attempt
from harvester.store.polls import SWEEP, Poll, is_on_change, on_grid

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(days=1)
GONE_PAUSE = timedelta(days=1)
DOUBLINGS = 9  # 5 minutes doubled this often is more than a day


def after(
    settings: Settings, poll: Poll, attempt: Attempt, trouble: ApiError | None, *, now: datetime
) -> dict[str, Any]:
    """Tell the new columns of a poll after an attempt.

    The plan goes by the clock as it is `now`; evidence may be dated later where it stepped back.
    """
    columns: dict[str, Any] = {
        "last_attempt_at": attempt.at,
        "last_error": attempt.error,
        "denied": trouble.what if isinstance(trouble, NotFound) else None,
        "fetch_id": None,
        **_planned(settings, poll, attempt, trouble, now),
    }
    if is_answered(trouble):
        return {**columns, "last_ok_at": attempt.at, "failures": 0, "gone_at": None}
    gone_at = (poll.gone_at or attempt.at) if isinstance(trouble, NotFound) else poll.gone_at
    failures = poll.failures + (not isinstance(trouble, Refused))
    return {**columns, "failures": failures, "gone_at": gone_at}


def is_answered(trouble: ApiError | None) -> bool:
    """Whether the question was answered, be it without the player's part, which RA cannot tell."""
    return trouble is None or isinstance(trouble, PlayerUnreadable)


def denied(poll: Poll, trouble: ApiError | None) -> str | None:
    """Tell what RA denied in two rounds: a poll's game or achievement; None: nothing so far.

    A game is denied by `progress` alone, which asks two programs of RA's about it.
    """
    if not isinstance(trouble, NotFound) or trouble.what != poll.denied:
        return None
    deniable = {"progress": "game", "unlocks": "achievement"}.get(poll.job)
    return deniable if trouble.what == deniable else None


def struck(poll: Poll, at: datetime, bug: Exception) -> dict[str, Any]:
    """Put off a poll that a bug of ours struck, so that it keeps no other from its turn."""
    words = f"a bug in ra-harvester: {type(bug).__name__}"
    return {
        "last_attempt_at": at,
        "last_error": words,
        "failures": poll.failures + 1,
        "due_at": at + pause(poll),
        "digests": None,
    }


def _planned(
    settings: Settings, poll: Poll, attempt: Attempt, trouble: ApiError | None, now: datetime
) -> dict[str, Any]:
    """Tell when the poll is due next, and the interval that is promised until then."""
    interval = _interval(settings, poll, attempt)
    scheduled = _scheduled(settings, poll, interval, now)
    return {"due_at": _due_at(poll, scheduled, trouble, now), "interval_seconds": interval}


def _due_at(poll: Poll, scheduled: datetime, trouble: ApiError | None, now: datetime) -> datetime:
    if is_answered(trouble):
        return scheduled
    if isinstance(trouble, Refused):
        return poll.due_at
    if isinstance(trouble, NotFound):
        return max(scheduled, now + GONE_PAUSE) if poll.denied else scheduled
    return now + pause(poll)


def _interval(settings: Settings, poll: Poll, attempt: Attempt) -> int:
    """Tell the interval from the time this look was due to the next one: cron's may vary.

    An adaptive one doubles with an unchanged look that came late enough to mean something,
    is short again after a change, and stays as it is through failures. Of lists that are read
    on change, sweeps alone count: that a list grew says nothing about what was taken back.
    """
    schedule = watchlist.schedule_of(settings, poll)
    if isinstance(schedule, Cron):
        just_before = poll.due_at - timedelta(seconds=1)
        return interval_seconds(schedule, just_before, settings.schedule.zone)
    every, is_changed = every_of(poll.schedule), attempt.outcome == "changed"
    if is_on_change(poll) and poll.priority != SWEEP:
        return poll.interval_seconds
    if every is None or not (is_changed or _is_telling(poll, attempt)):
        return poll.interval_seconds
    return adapted(every, poll.interval_seconds, is_changed=is_changed)


def _is_telling(poll: Poll, attempt: Attempt) -> bool:
    """Whether an unchanged look came at least half an interval after the one before."""
    if attempt.outcome != "unchanged" or poll.last_attempt_at is None:
        return False
    if is_on_change(poll):
        return True
    waited = (attempt.at - poll.last_attempt_at).total_seconds()
    return waited >= poll.interval_seconds // 2


def _scheduled(settings: Settings, poll: Poll, interval: int, now: datetime) -> datetime:
    """Tell when a poll is due by its schedule alone: on its own grid, or when cron says."""
    schedule = watchlist.schedule_of(settings, poll)
    if isinstance(schedule, Cron):
        return next_due(
            schedule, now, due_at=None, target=poll.target, timezone=settings.schedule.zone
        )
    is_longer = interval > poll.interval_seconds
    return on_grid(replace(poll, interval_seconds=interval), now, is_longer=is_longer)


def pause(poll: Poll) -> timedelta:
    """Tell how long a failing poll rests: 5 minutes doubling to a day.

    Shortened by up to a fifth, so that polls that failed together do not come back together.
    """
    doubled = min(FIRST_PAUSE * 2 ** min(poll.failures, DOUBLINGS), LONGEST_PAUSE)
    share = blake2b(f"{poll.job} {poll.target} {poll.failures}".encode(), digest_size=2).digest()
    shortened = doubled * (1 - int.from_bytes(share) / 0xFFFF / 5)
    return timedelta(seconds=int(shortened.total_seconds()))
