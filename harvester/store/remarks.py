"""Which notes belong beside an answer: those on its games, achievements and people, on its job."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from harvester.store import notes, subjects
from harvester.store.notes import Note

JOBS: Final = {
    "game-tickets": "game-tickets",
    "ticket-flow": "game-tickets",
    "developer-tickets": "developer-tickets",
    "distribution": "distribution",
    "mastery": "distribution",
    "players": "progress",
    "unlocks": "progress",
    "rarity": "progress",
    "progress": "progress",
    "unlock-rate": "unlocks",
}
"""The job that asks for what a trend tells."""


def beside(conn: Connection, trend: str, rows: Iterable[Mapping[str, Any]]) -> list[Note]:
    """List the notes that fall into the time of these rows, in the order of time."""
    listed = list(rows)
    times = [row["time"] for row in listed]
    if not times:
        return []
    scopes = notes.scopes(
        games=_all(listed, "game_id"),
        achievements=_all(listed, "achievement_id"),
        users=_people(conn, listed),
        jobs=[JOBS[trend]] if trend in JOBS else [],
    )
    return notes.within(conn, min(times), max(times), scopes)


def _all(rows: Iterable[Mapping[str, Any]], name: str) -> set[Any]:
    return {row[name] for row in rows if row.get(name) is not None}


def _people(conn: Connection, rows: list[Mapping[str, Any]]) -> list[int]:
    return [
        own
        for called in ("user", "developer")
        for own in subjects.people(conn, _all(rows, called), called=called)
    ]
