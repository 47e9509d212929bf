"""The rows of unlock lists: what a page tells of whom, in the words of the store."""

from collections.abc import Sequence

from harvester.api.unlock_pages import Unlock
from harvester.endpoints.base import Ask
from harvester.store import schema
from harvester.store.rows import Batch, UserRef

Rows = Sequence[Unlock]


def batches(ask: Ask, rows: Rows) -> tuple[Batch, ...]:
    """Write a page for the store; where only recent rows are wanted, without the others."""
    since = ask.watched_from if ask.is_recent_only else None
    told = [_row(row) for row in rows if since is None or row.at >= since]
    return (Batch(schema.unlocks, {"achievement_id": ask.achievement}, told),) if told else ()


def _row(row: Unlock) -> dict[str, object]:
    """Write what a list row tells: of an upgraded unlock it hides the first date."""
    user = UserRef(row.name, row.ulid)
    if row.is_hardcore:
        return {"user_id": user, "hardcore_at": row.at}
    return {"user_id": user, "unlocked_at": row.at, "hardcore_at": None}


def refs(rows: Rows) -> set[UserRef]:
    """Name users by ULID alone where there is one: names may change while we read."""
    return {UserRef(None if row.ulid else row.name, row.ulid) for row in rows}


def handles(rows: Rows) -> frozenset[str]:
    """Name the players of some rows by what is stablest about them."""
    return frozenset(row.ulid or row.name for row in rows)
