"""Who is who: users are known by ULID; a name alone is a stand-in until the ULID turns up."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from harvester.store import acquaintance, history, many, merge, schema
from harvester.store.acquaintance import Bearer
from harvester.store.rows import Batch, Changes, Listing, Row, UserRef

users, user_names = schema.users, schema.user_names
Ids = dict[UserRef, int]


def bind(
    conn: Connection, batches: Iterable[Batch], *, at: datetime, fetch_id: int
) -> tuple[list[Batch], Changes]:
    """Replace every `UserRef` in these batches by the store's own id of that user."""
    batches = list(batches)
    ids, changes = resolve(conn, _named(batches), at=at, fetch_id=fetch_id)
    return [_bound(batch, ids) for batch in batches], changes


def _named(batches: list[Batch]) -> list[UserRef]:
    """Collect who is named, in the order told."""
    named: dict[Any, None] = {}
    for batch in batches:
        for column in schema.naming_users(batch.table):
            named |= dict.fromkeys([row.get(column) for row in (batch.within, *batch.rows)])
    return [user for user in named if isinstance(user, UserRef)]


def _bound(batch: Batch, ids: Ids) -> Batch:
    rows = batch.rows
    for column in schema.naming_users(batch.table):
        if column not in batch.within:
            rows = [_with_id(row, column, ids) for row in rows]
    return replace(batch, within=_with_ids(batch.within, ids), rows=rows)


def _with_id(row: Row, column: str, ids: Mapping[Any, int]) -> Row:
    if column not in row:
        return row
    return {**row, column: ids.get(row[column], row[column])}


def _with_ids(row: Row, ids: Mapping[Any, int]) -> Row:
    return {name: ids.get(value, value) for name, value in row.items()}


def bind_listings(
    conn: Connection, listings: Iterable[Listing], *, at: datetime, fetch_id: int
) -> tuple[list[Listing], Changes]:
    """Replace every `UserRef` in these listings by the store's own id of that user."""
    bound, changes = [], Changes()
    for listing in listings:
        named = [*listing.within.values(), *listing.seen]
        refs = {value for value in named if isinstance(value, UserRef)}
        ids, met = resolve(conn, refs, at=at, fetch_id=fetch_id)
        changes += met
        seen = {ids[own] if isinstance(own, UserRef) else own for own in listing.seen}
        within = _with_ids(listing.within, ids)
        bound.append(replace(listing, within=within, seen=seen))
    return bound, changes


def resolve(
    conn: Connection, refs: Collection[UserRef], *, at: datetime, fetch_id: int | None
) -> tuple[Ids, Changes]:
    """Give every named user an id: find him, follow his new name, or make his acquaintance.

    Of two names of one user the one that was told last counts.
    """
    known = acquaintance.of(conn, {ref.ulid for ref in refs if ref.ulid})
    ids: Ids = {}
    news: set[str | None] = set()
    for ref in refs:
        bearer = known.get(ref.ulid) if ref.ulid else None
        if bearer is not None and ref.name in (None, bearer.name):
            ids[ref] = bearer.id
        else:
            news.add(ref.ulid)
    if not news:
        return ids, Changes()
    met, changes = _meet(conn, [ref for ref in refs if ref.ulid in news], known, at, fetch_id)
    return ids | met, changes


def _meet(
    conn: Connection,
    refs: Collection[UserRef],
    known: Mapping[str, Bearer],
    at: datetime,
    fetch_id: int | None,
) -> tuple[Ids, Changes]:
    """Give users an id of whom something is new: their ULID, their name, or both."""
    named_last = sorted(refs, key=lambda ref: ref.name is not None)
    by_ulid = {ref.ulid: ref for ref in named_last if ref.ulid}
    by_name = [ref for ref in refs if ref.name and not ref.ulid]
    known = {ulid: known[ulid] for ulid in by_ulid if ulid in known}
    acquaintance.forget(conn, by_ulid)
    changes = _follow_names(conn, by_ulid, known, at, fetch_id)
    strangers = [ref for ulid, ref in by_ulid.items() if ulid not in known]
    changes += _acquaint(conn, strangers, known, at, fetch_id)
    ids = {ref: known[ref.ulid].id for ref in refs if ref.ulid}
    for ref in sorted(by_name, key=lambda ref: ref.name or ""):
        bearer = _bearer(conn, str(ref.name))
        if bearer is None:
            met, told = _create(conn, [ref], at, fetch_id)
            bearer, changes = met[ref], changes + told
        ids[ref] = bearer
    return ids, changes


def _follow_names(
    conn: Connection,
    refs: Mapping[str, UserRef],
    known: Mapping[str, Bearer],
    at: datetime,
    fetch_id: int | None,
) -> Changes:
    """Remember new names of users we know, and take in stand-ins that bear them."""
    changes = Changes()
    for ulid, (own, held) in known.items():
        name = refs[ulid].name
        if name is not None and name != held:
            for stand_in in _stand_ins(conn, [name]).values():
                if not _held_by_others(conn, name, ulid):
                    merge.users(conn, stand_in, into=own)
            changes += _remember_names(conn, [(own, name)], at, fetch_id)
    return changes


def _acquaint(
    conn: Connection,
    refs: list[UserRef],
    known: dict[str, Bearer],
    at: datetime,
    fetch_id: int | None,
) -> Changes:
    """Give users with a new ULID a row: the stand-in's of that name, or one of their own."""
    stand_ins = _stand_ins(conn, [ref.name for ref in refs if ref.name])
    fresh = []
    for ref in refs:
        stand_in = stand_ins.get(ref.name or "")
        if stand_in is None or _held_by_others(conn, str(ref.name), ref.ulid):
            fresh.append(ref)
        else:
            conn.execute(users.update().where(users.c.id == stand_in).values(ulid=ref.ulid))
            known[str(ref.ulid)] = Bearer(stand_in, ref.name)
    ids, changes = _create(conn, fresh, at, fetch_id)
    known.update({str(ref.ulid): Bearer(own, ref.name) for ref, own in ids.items()})
    return changes


def _stand_ins(conn: Connection, names: list[str]) -> dict[str, int]:
    """Find the users known by these names alone."""
    if not names:
        return {}
    return {row.name: row.id for row in conn.execute(_NAMELESS, {"keys": names})}


_NAMELESS = select(users.c.name, users.c.id).where(
    users.c.ulid.is_(None), many.among_told(users.c.name, "keys")
)


def _held_by_others(conn: Connection, name: str, ulid: str | None) -> bool:
    """Tell whether a user of another ULID ever bore this name: then it proves nothing."""
    others = _holders(name).where(users.c.ulid != ulid)
    return conn.execute(others.limit(1)).first() is not None


def _holders(name: str) -> Select[tuple[int, str | None]]:
    bore = user_names.join(users, users.c.id == user_names.c.user_id)
    return select(users.c.id, users.c.ulid).select_from(bore).where(user_names.c.name == name)


def _create(
    conn: Connection, refs: list[UserRef], at: datetime, fetch_id: int | None
) -> tuple[Ids, Changes]:
    """Write new users; ids are counted by hand, there is one writer."""
    if not refs:
        return {}, Changes()
    last = conn.scalar(_LAST) or 0
    ids = {ref: last + number for number, ref in enumerate(refs, start=1)}
    rows = [{"id": own, "ulid": ref.ulid, "name": ref.name or None} for ref, own in ids.items()]
    many.insert(conn, users, rows, {"first_seen_at": at})
    names = [{"user_id": row["id"], "name": row["name"]} for row in rows if row["name"]]
    return ids, history.begin(conn, user_names, names, at=at, fetch_id=fetch_id)


_LAST = select(func.max(users.c.id))


def _remember_names(
    conn: Connection, names: list[tuple[int, str]], at: datetime, fetch_id: int | None
) -> Changes:
    rows = [{"user_id": own, "name": name} for own, name in names]
    return history.record(conn, Batch(user_names, {}, rows), at=at, fetch_id=fetch_id)


def _bearer(conn: Connection, name: str) -> int | None:
    """Find who bears a bare name now; who bore it once may be somebody else."""
    bearers = conn.execute(_holders(name).where(user_names.c.valid_to.is_(None))).all()
    stand_ins = [row.id for row in bearers if row.ulid is None]
    sure = stand_ins or [row.id for row in bearers]
    return sure[0] if len(sure) == 1 else None


def named(conn: Connection, user_id: int) -> UserRef:
    """Tell a user's present name and ULID."""
    row = conn.execute(select(users.c.name, users.c.ulid).where(users.c.id == user_id)).one()
    return UserRef(row.name, row.ulid)
