"""What a listing no longer holds: unlocks need two proofs, other things are marked at once.

One complete listing that lacks an unlock makes it a suspect; a second one, by another poll
and late enough, closes its row at the second one's instant. Any sighting clears it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, exists, select

from harvester.store import history, many, schema
from harvester.store.rows import Batch, Changes, Gone, Listing

unlocks, suspects = schema.unlocks, schema.unlock_absences


def settle(conn: Connection, listing: Listing, *, at: datetime, spacing: timedelta) -> Changes:
    """Judge who is missing from a complete listing, at least `spacing` after the first proof."""
    missing = _missing(conn, listing)
    suspected = _suspected(conn, listing)
    _clear(conn, listing, suspected.keys() - missing)
    proven = [own for own in missing & suspected.keys() if suspected[own] + spacing <= at]
    _suspect(conn, listing, missing - suspected.keys(), at)
    keys = [{**listing.within, listing.column: own} for own in sorted(proven)]
    changes = history.close(conn, unlocks, keys, at=at)
    _clear(conn, listing, proven)
    return changes


def is_suspected(conn: Connection, user_id: int | None) -> bool:
    """Whether somebody's unlocks wait for the second proof that they are gone."""
    his = select(suspects.c.user_id).where(suspects.c.user_id == user_id).limit(1)
    return user_id is not None and conn.execute(his).first() is not None


def sighted(conn: Connection, batch: Batch) -> None:
    """Clear the suspicion about every unlock that a batch tells of."""
    if batch.table is not unlocks:
        return
    (column,) = {"achievement_id", "user_id"} - batch.within.keys()
    suspected = conn.scalars(_suspects(column, tuple(batch.within)), batch.within).all()
    seen = {row[column] for row in batch.rows}.intersection(suspected) if suspected else set()
    if seen:
        scope = [suspects.c[name] == value for name, value in batch.within.items()]
        conn.execute(suspects.delete().where(*scope, many.among(suspects.c[column], seen)))


@cache
def _suspects(column: str, within: tuple[str, ...]) -> Select[Any]:
    scope = [suspects.c[name] == bindparam(name) for name in within]
    return select(suspects.c[column]).where(*scope)


def _missing(conn: Connection, listing: Listing) -> set[int]:
    """Find who holds a current row but was not in the listing, of those it could have held."""
    column = unlocks.c[listing.column]
    scope = [unlocks.c[name] == value for name, value in listing.within.items()]
    among = [] if listing.among is None else [many.among(column, listing.among)]
    held = conn.scalars(select(column).where(unlocks.c.valid_to.is_(None), *scope, *among))
    return set(held.all()) - set(listing.seen)


def _suspected(conn: Connection, listing: Listing) -> dict[int, datetime]:
    scope = [suspects.c[name] == value for name, value in listing.within.items()]
    query = select(suspects.c[listing.column], suspects.c.missed_at).where(*scope)
    found = {row[0]: row[1] for row in conn.execute(query)}
    return {own: at for own, at in found.items() if listing.among is None or own in listing.among}


def _clear(conn: Connection, listing: Listing, owns: Collection[int]) -> None:
    scope = [suspects.c[name] == value for name, value in listing.within.items()]
    if owns:
        told = many.among(suspects.c[listing.column], owns)
        conn.execute(suspects.delete().where(*scope, told))


def _suspect(conn: Connection, listing: Listing, owns: Collection[int], at: datetime) -> None:
    rows = [{listing.column: own} for own in sorted(owns)]
    many.insert(conn, suspects, rows, {**listing.within, "missed_at": at})


def mark_gone(conn: Connection, gone: Gone, *, at: datetime) -> Changes:
    """Mark entities that a complete listing no longer holds; a gone ticket's state ends."""
    entity = gone.table
    scope = [entity.c[name] == value for name, value in gone.within.items()]
    told = [~_always_unofficial()] if gone.is_official else []
    there = select(entity.c.id).where(entity.c.gone_at.is_(None), *scope, *told)
    lost = sorted(set(conn.scalars(there)) - set(gone.seen))
    if lost:
        conn.execute(entity.update().where(many.among(entity.c.id, lost)).values(gone_at=at))
    if entity is schema.tickets:
        keys = [{"ticket_id": own} for own in lost]
        return history.close(conn, schema.ticket_states, keys, at=at)
    return Changes(closed=len(lost))


def _always_unofficial() -> ColumnElement[bool]:
    """Find tickets whose achievement is unofficial, and was so when they were first seen."""
    ticket, achievement = schema.tickets.c, schema.achievements.c
    version = schema.achievement_versions.c
    is_unofficial = (achievement.id == ticket.achievement_id) & achievement.is_promoted.is_(False)
    was_promoted = (
        (version.achievement_id == ticket.achievement_id)
        & version.is_promoted.is_(True)
        & (version.valid_to > ticket.first_seen_at)
    )
    return exists().where(is_unofficial) & ~exists().where(was_promoted)


def deny(conn: Connection, entity: Table, own: int | None, *, at: datetime) -> None:
    """Mark a game or an achievement that RA denied; the first such instant stays."""
    there = (entity.c.id == own) & entity.c.gone_at.is_(None)
    conn.execute(entity.update().where(there).values(gone_at=at))


def undeny(conn: Connection, entity: Table, own: int | None) -> None:
    """Take back that RA denied a game or an achievement: it answered."""
    conn.execute(entity.update().where(entity.c.id == own).values(gone_at=None))
