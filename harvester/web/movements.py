"""What moved in the last day and the last week: the first few of each ranking, in one table."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from harvester.store.top import RANKINGS, ranked
from harvester.web import listing
from harvester.web.listing import Column, Lead, Table, table
from harvester.wording import titled

FEW: Final = 3  # of each ranking
_SPANS: Final = (("day", timedelta(days=1)), ("week", timedelta(weeks=1)))
_RANKINGS: Final = {
    "tickets": "Tickets reported",
    "developers": "Tickets open",
    "mastery": "Masteries",
    "players": "Players",
    "unlocks": "Unlocks",
}


def movements(conn: Connection, *, at: datetime) -> list[Table]:
    """Tell what moved until `at`. Cost: O(rows that ended in the last week)."""
    return [
        table(
            f"What moved in the last {called}",
            [row for name in _RANKINGS for row in _few(conn, name, at - length, at)],
            _COLUMNS,
        )
        for called, length in _SPANS
    ]


def _few(conn: Connection, name: str, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    for row in ranked(conn, name, since=since, until=until, limit=FEW):
        yield {**row, "what": _RANKINGS[name], "about": _about(name, row), "name": name}


def _about(name: str, row: Mapping[str, Any]) -> str:
    """Tell what a row is about, by its titles."""
    titles = [label for label in RANKINGS[name].labels if not label.endswith("_id")]
    return ", ".join(filter(None, (_called(row, title) for title in reversed(titles))))


def _called(row: Mapping[str, Any], title: str) -> str:
    own = row.get(f"{title}_id")
    return titled(row[title], title, own) if own else str(row[title] or "")


def _leads(row: Mapping[str, Any]) -> Lead | None:
    if row["name"] == "developers":
        return listing.developer_at({"who": row["user"]})
    is_achievement = row.get("achievement_id") is not None
    return listing.achievement_at(row) if is_achievement else listing.game_at(row)


_COLUMNS: Final = (
    Column("about", "What", _leads),
    Column("what", "Number of"),
    Column("before", is_number=True),
    Column("after", is_number=True),
    Column("change", is_number=True, is_signed=True),
)
