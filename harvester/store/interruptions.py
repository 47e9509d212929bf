"""What kept the harvest from asking, and from when to when; holes are explained by it.

An interruption that has not ended is still so, over restarts, too: it ends with the next
usable answer, or once the polls that waited for budget may be asked.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from harvester.store import schema
from harvester.store.polls import ROUTINE

DOWN, BUDGET, REFUSED = "down", "budget", "key refused"
LIMITED, UNAVAILABLE = "rate-limited", "API unavailable"
ASLEEP = timedelta(minutes=10)  # a process that lives gives a sign of life once in a minute

own = schema.interruptions.c


def named(words: str) -> str:
    """Tell from the words of an error whether RA asked us to slow down, or did not answer."""
    is_limit = any(sign in words for sign in ("429", "asked us to wait", "wants no request"))
    return LIMITED if is_limit else UNAVAILABLE


def begin(conn: Connection, reason: str, *, at: datetime, priority: int = ROUTINE) -> None:
    """Note that polls of a priority, and all less urgent ones, are not asked; once is enough."""
    same = (own.reason == reason) & (own.priority == priority) & own.ended_at.is_(None)
    if conn.execute(select(own.id).where(same)).first() is None:
        _add(conn, reason, priority, at, None)


def slept(conn: Connection, since: datetime, *, at: datetime) -> None:
    """Note that a process gave no sign of life for a while, though it did not end."""
    if at - since > ASLEEP:
        _add(conn, DOWN, ROUTINE, since, at)


def _add(
    conn: Connection, reason: str, priority: int, started_at: datetime, ended_at: datetime | None
) -> None:
    row = {"reason": reason, "priority": priority, "started_at": started_at, "ended_at": ended_at}
    number = (conn.scalar(select(func.max(own.id))) or 0) + 1
    conn.execute(schema.interruptions.insert().values(id=number, **row))


def is_any(conn: Connection) -> bool:
    """Whether all polls wait for something, as far as is known."""
    lasting = own.ended_at.is_(None) & (own.priority == ROUTINE)
    return conn.execute(select(own.id).where(lasting).limit(1)).first() is not None


def end(conn: Connection, *, at: datetime) -> None:
    """Note that RA has answered: whatever kept all polls from being asked is over."""
    _end(conn, [ROUTINE], at)


def settle(conn: Connection, waiting: Collection[int], *, at: datetime) -> None:
    """Note polls of which priorities wait for budget, and that no others do any more.

    Cost: one statement where nothing changed.
    """
    lasting = own.ended_at.is_(None) & (own.priority > ROUTINE)
    noted = set(conn.scalars(select(own.priority).where(lasting)))
    if over := noted - set(waiting):
        _end(conn, over, at)
    for priority in set(waiting) - noted:
        begin(conn, BUDGET, at=at, priority=priority)


def _end(conn: Connection, priorities: Collection[int], at: datetime) -> None:
    """End what lasts; where the clock stepped back, it took no time."""
    lasting = own.ended_at.is_(None) & own.priority.in_(priorities)
    behind = own.started_at > at
    table = schema.interruptions
    conn.execute(table.update().where(lasting, behind).values(ended_at=own.started_at))
    conn.execute(table.update().where(lasting, ~behind).values(ended_at=at))
