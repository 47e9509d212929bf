"""Users by ULID, as the database knows them: those met lately are known without asking it.

Lists name the same players again and again, and looking each of them up costs as much as
writing his row. Only what was committed is remembered: a transaction that changes anything
about users asks the database from then on, and what it changed is forgotten.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

from sqlalchemy import Connection, Engine, RootTransaction, select

from harvester.store import many, schema

MOST = 50_000  # users that are remembered: some ten megabytes

users = schema.users


class Bearer(NamedTuple):
    """A user that is known by ULID: the store's own id of him, and his present name."""

    id: int
    name: str | None


class _Memory:
    """Who was met in the transactions of one database, and the last that changed somebody."""

    def __init__(self) -> None:
        self.met: dict[str, Bearer] = {}
        self.changing: ReferenceType[RootTransaction] | None = None


_MEMORIES: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()


def of(conn: Connection, ulids: Collection[str]) -> Mapping[str, Bearer]:
    """Tell whom these ULIDs mean (and perhaps others), as far as they are known.

    Cost: O(those not met lately). What is told holds until `forget` is called.
    """
    memory = _MEMORIES.setdefault(conn.engine, _Memory())
    if memory.changing is not None and memory.changing() is conn.get_transaction():
        return _read(conn, ulids)
    if len(memory.met) + len(ulids) > MOST:
        memory.met.clear()
    memory.met |= _read(conn, [ulid for ulid in ulids if ulid not in memory.met])
    return memory.met


def forget(conn: Connection, ulids: Collection[str]) -> None:
    """Ask the database about these users next time, and about all for as long as this lasts."""
    memory = _MEMORIES.setdefault(conn.engine, _Memory())
    changing = conn.get_transaction()
    memory.changing = None if changing is None else ref(changing)
    for ulid in ulids:
        memory.met.pop(ulid, None)


def _read(conn: Connection, ulids: Collection[str]) -> dict[str, Bearer]:
    found = conn.execute(_BY_ULID, {"keys": ulids}) if ulids else ()
    return {ulid: Bearer(own, name) for ulid, own, name in found}


_BY_ULID = select(users.c.ulid, users.c.id, users.c.name).where(
    many.among_told(users.c.ulid, "keys")
)
