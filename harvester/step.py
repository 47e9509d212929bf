"""One durable step: what an observation becomes in the database, in one transaction.

bind users -> record batches -> judge absences -> note in the poll how far it has come.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from harvester.endpoints import KEPT, Observation
from harvester.store import absence, history, polls, users
from harvester.store.polls import Poll
from harvester.store.rows import Changes


def write(
    conn: Connection,
    poll: Poll,
    observation: Observation,
    *,
    at: datetime,
    fetch_id: int,
    requests: int,
    spacing: timedelta,
) -> tuple[Poll, Changes]:
    """Write a step as of `at`; tell what the poll is like now, and what changed.

    Rows carry `fetch_id`, the evidence of the look, which took so many `requests` in this
    turn; two proofs of absence lie `spacing` apart.
    Raises `BehindHistory` where the clock stepped back.
    """
    batches, changes = users.bind(conn, observation.batches, at=at, fetch_id=fetch_id)
    for batch in batches:
        changes += history.record(conn, batch, at=at, fetch_id=fetch_id)
        absence.sighted(conn, batch)
    listings, met = users.bind_listings(conn, observation.listings, at=at, fetch_id=fetch_id)
    changes += met
    for listing in listings:
        changes += absence.settle(conn, listing, at=at, spacing=spacing)
    for gone in observation.gone:
        changes += absence.mark_gone(conn, gone, at=at)
    noted, named = _noted(conn, observation, at, fetch_id)
    changes += named
    noted |= _counted(poll, observation, changes, fetch_id)
    if observation.is_turn:
        noted["requests"] = poll.requests + requests
    return (polls.change(conn, poll, **noted) if noted else poll), changes


def _noted(
    conn: Connection, observation: Observation, at: datetime, fetch_id: int
) -> tuple[dict[str, Any], Changes]:
    """Tell what the poll has to note: how far it has come, who its user is, what it knows."""
    kept = {"cursor": observation.cursor, "memory": observation.memory}
    noted: dict[str, Any] = {
        name: None if value is None else json.dumps(value)
        for name, value in kept.items()
        if value is not KEPT
    }
    told = {"token": observation.token, "listed_from_at": observation.listed_from_at}
    noted |= {name: value for name, value in told.items() if value is not None}
    if observation.is_listed:
        noted |= {"listed_at": at, "listed_from_at": None}
    if observation.user is None:
        return noted, Changes()
    ids, changes = users.resolve(conn, [observation.user], at=at, fetch_id=fetch_id)
    return {**noted, "user_id": ids[observation.user]}, changes


def _counted(
    poll: Poll, observation: Observation, changes: Changes, fetch_id: int
) -> dict[str, Any]:
    """Add what came and went to the account of the look in hand, and to the list's churn."""
    moved = changes.opened + changes.closed
    counted: dict[str, Any] = {"churn": 0} if observation.is_listed else {}
    if not moved:
        return counted
    return {
        "churn": poll.churn + moved,
        **counted,
        "fetch_id": fetch_id,
        "digests": None,  # known to be of what is held only when the look is over
        "rows_opened": poll.rows_opened + changes.opened,
        "rows_closed": poll.rows_closed + changes.closed,
    }
