"""When a game's counters last moved, and whether anybody looked at them lately."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import ColumnElement, Connection, func, select

from harvester.store import schema
from harvester.store.pairs import FULL_ROUND

counted, achieved, own = (
    schema.game_counters.c,
    schema.achievement_counters.c,
    schema.achievements.c,
)
polls = schema.polls


@dataclass(frozen=True)
class Movement:
    """What is known of a game's counters, its number of players included.

    `moved_at` is when they were last seen to have moved (None: never since they were first
    seen), `official` stands for the set of official achievements as it is now.
    """

    moved_at: datetime | None
    official: str


def of_game(
    conn: Connection, game: int | None, *, at: datetime, within: timedelta
) -> Movement | None:
    """Tell how a game's counters moved; None unless they were looked at lately.

    That is `within` that time and within their own interval.

    Cost: O(achievements and watched players of the game), whatever the history.
    """
    if not _is_fresh(conn, game, at, within):
        return None
    first_at = conn.scalar(select(func.min(counted.valid_from)).where(counted.game_id == game))
    ours = (own.game_id == game) & own.is_promoted.is_(True)
    held = select(own.id, achieved.valid_from).outerjoin(
        schema.achievement_counters,
        (achieved.achievement_id == own.id) & achieved.valid_to.is_(None),
    )
    rows = conn.execute(held.where(ours).order_by(own.id)).all()
    players = select(counted.valid_from).where(counted.game_id == game, counted.valid_to.is_(None))
    since = [*conn.scalars(players), *(row.valid_from for row in rows if row.valid_from)]
    moved = [moment for moment in since if first_at is None or moment > first_at]
    return Movement(max(moved, default=None), _digest([row.id for row in rows]))


def _digest(ids: list[int]) -> str:
    return blake2b(" ".join(map(str, ids)).encode(), digest_size=8).hexdigest()


def _is_fresh(conn: Connection, game: int | None, at: datetime, within: timedelta) -> bool:
    """Tell whether a look at the game itself is no older than it may be; see `_eager`."""
    looks = select(polls.c.last_attempt_at, polls.c.interval_seconds).where(*_eager(game))
    return any(
        timedelta() <= at - looked_at <= min(timedelta(seconds=seconds), within)
        for looked_at, seconds in conn.execute(looks)
    )


def _eager(game: int | None) -> list[ColumnElement[bool]]:
    """Match the polls of a game's counters whose last look went well."""
    return [
        polls.c.watched_to.is_(None),
        polls.c.job == "progress",
        polls.c.game_id == game,
        ~polls.c.schedule.startswith(FULL_ROUND),
        polls.c.failures == 0,
        polls.c.last_attempt_at.is_not(None),
    ]
