"""When to ask again: durations, cron expressions, and the due times that follow from them.

Pure: every function is told the time. What a schedule means is decided here once, for the
plan, the daemon and the configuration alike.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import dropwhile, islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

DURATION = 'a duration from "1s" to "3650d" such as "90s", "30m", "6h", "1d" or "2w"'
SCHEDULE = (
    f'{DURATION}, or a cron expression of five fields such as "15 */6 * * *" '
    '(unlocks may also be "on-change")'
)

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SHORTHANDS = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
_LONGEST = 3650 * 86400
_CRON_FIELDS = 5
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Every:
    """Ask at a fixed distance of `seconds` (1 or more).

    With `at_most`, which is no shorter, the distance doubles up to that while nothing moves.
    """

    seconds: int
    at_most: int | None = None


@dataclass(frozen=True)
class Cron:
    """Ask when cron would; `expression` has five fields, in capitals, single spaces."""

    expression: str


@dataclass(frozen=True)
class OnChange:
    """Ask when something else says that it moved; has no due time of its own."""


Clockwork = Every | Cron
Schedule = Every | Cron | OnChange


def parse_duration(text: str) -> timedelta:
    """Return what "30m" or "2w" means; `ValueError` says what is allowed."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip())
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 1 <= seconds <= _LONGEST:
        raise ValueError(f"must be {DURATION}")
    return timedelta(seconds=seconds)


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that `text` names; `ValueError` says what is allowed.

    Cron expressions mean what they mean to Debian's cron: 0 and 7 are Sunday, names
    are understood, day of month and weekday are OR-ed unless one starts with a star.
    """
    words = _SHORTHANDS.get(text.strip().upper(), text).upper().split()
    if words == ["ON-CHANGE"]:
        return OnChange()
    return Every(_whole_seconds(text)) if len(words) == 1 else _cron(words)


def text_of(schedule: Schedule) -> str:
    """Return the one text for all spellings of a schedule ("1h" and "60m": "3600s").

    Kept with a poll, so that a changed schedule is noticed.
    """
    if not isinstance(schedule, Every):
        return readable(schedule)
    longest = f" to {schedule.at_most}s" if schedule.at_most else ""
    return f"{schedule.seconds}s{longest}"


def every_of(text: str) -> Every | None:
    """Read the distance back that `text_of` wrote, be it amidst other words; None: cron."""
    found = re.search(r"(?<![^ ])([0-9]+)s(?: to ([0-9]+)s)?", text)
    if found is None:
        return None
    return Every(int(found[1]), int(found[2]) if found[2] else None)


def cron_of(text: str) -> Cron | None:
    """Read a cron expression back that `text_of` wrote, be it before other words; else None."""
    first = text.partition(", ")[0]
    return Cron(first) if len(first.split()) == _CRON_FIELDS else None


def readable(schedule: Schedule) -> str:
    """Return the shortest text a user would write for a schedule ("1h", "on-change")."""
    if isinstance(schedule, Every):
        longest = f" to {_short(schedule.at_most)}" if schedule.at_most else ""
        return _short(schedule.seconds) + longest
    return schedule.expression if isinstance(schedule, Cron) else "on-change"


def _short(seconds: int) -> str:
    sizes = {size: unit for unit, size in _SECONDS.items() if seconds % size == 0}
    return f"{seconds // max(sizes)}{sizes[max(sizes)]}"


def interval_seconds(schedule: Clockwork, at: datetime, timezone: ZoneInfo) -> int:
    """Return the distance in seconds between the next two due times after `at`."""
    if isinstance(schedule, Every):
        return schedule.seconds
    first, second = islice(_firings(schedule, at, timezone), 2)
    return int((second - first).total_seconds())


def looks_between(
    schedule: Clockwork, since: datetime, until: datetime, timezone: ZoneInfo
) -> float:
    """Return how many looks fall into a stretch of time; for durations this is a mean."""
    if isinstance(schedule, Every):
        return (until - since).total_seconds() / schedule.seconds
    firings = _firings(schedule, since, timezone)
    return float(sum(1 for _ in takewhile(lambda due: due <= until, firings)))


def next_due(
    schedule: Clockwork, at: datetime, *, due_at: datetime | None, target: str, timezone: ZoneInfo
) -> datetime:
    """Return when to look again, in UTC: after `at` and at most one interval later.

    `at` is the instant of the look just finished, `due_at` when that look was due (None:
    it was the first look at this `target`). An interval is shortened once, after the first
    look, by a share of 0 to 50 % that belongs to the target, so that a thousand targets do
    not fall on the same minute; from then on the target keeps its own grid, and a look
    that came late skips what it missed. Cron is never shifted.
    """
    if isinstance(schedule, Cron):
        return next(_firings(schedule, at, timezone))
    interval = timedelta(seconds=schedule.seconds)
    if due_at is None:
        return at + interval - share(target, schedule.seconds // 2)
    return at + interval - (at - due_at) % interval


def adapted(every: Every, interval: int, *, is_changed: bool) -> int:
    """Return the interval in force after a look, in seconds: doubled, or short again."""
    if is_changed or every.at_most is None:
        return every.seconds
    return min(max(interval, every.seconds) * 2, every.at_most)


def stretched_due(
    every: Every, at: datetime, *, interval: int, slot: datetime, target: str, is_longer: bool
) -> datetime:
    """Return when to look again at a distance of `interval` seconds, of which some are skipped.

    It is the last of the target's slots (`slot` is any of them, each `every.seconds` from the
    next) that keeps the distance from `at`, the look just finished, and always after it. An
    interval that has just become longer is shortened once by the target's share of it, so that
    targets that were added together part also in what they skip.
    """
    own = share(target, interval // 2) if is_longer else timedelta()
    reach = max(timedelta(seconds=interval) - own, timedelta(seconds=every.seconds))
    return at + reach - (at + reach - slot) % timedelta(seconds=every.seconds)


def share(target: str, seconds: int) -> timedelta:
    """Tell the share of so many seconds that belongs to a target: always the same one."""
    number = int.from_bytes(blake2b(target.encode(), digest_size=8).digest(), "big")
    return timedelta(seconds=number % (seconds + 1))


def _whole_seconds(text: str) -> int:
    try:
        return int(parse_duration(text).total_seconds())
    except ValueError:
        raise ValueError(f"must be {SCHEDULE}") from None


def _cron(words: list[str]) -> Cron:
    # cronsim would take a sixth field as seconds.
    if len(words) != _CRON_FIELDS:
        raise ValueError(f"must be {SCHEDULE}")
    cron = Cron(" ".join(words))
    _must_fire(cron)
    return cron


def _must_fire(cron: Cron) -> None:
    try:
        fires = any(CronSim(cron.expression, _SOME_DAY))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise ValueError(f"is no cron expression: its {field} makes no sense") from None
    if not fires:
        raise ValueError("is a cron expression that never comes true")


def _firings(cron: Cron, at: datetime, timezone: ZoneInfo) -> Iterator[datetime]:
    # In the hour that a clock going back repeats, cronsim may begin with an instant of
    # the first pass when `at` is in the second.
    local = CronSim(cron.expression, at.astimezone(timezone))
    return dropwhile(lambda due: due <= at, (firing.astimezone(UTC) for firing in local))
