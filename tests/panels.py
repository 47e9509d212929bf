"""The queries of the dashboards for Grafana, filled in as Grafana does, and what they draw."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exports import ROOT
from sqlalchemy import Connection

FOLDER = ROOT / "docs" / "integrations"
DASHBOARDS = {
    name: json.loads((FOLDER / f"grafana-{name}.json").read_text("utf-8"))
    for name in ("sqlite", "postgresql")
}
Row = dict[str, Any]


def targets(name: str) -> Iterator[tuple[str, Row]]:
    """Take every query out of a dashboard, with what it is for."""
    board = DASHBOARDS[name]
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], annotation["target"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], {"rawSql": _sql_of(variable["query"])}


def _sql_of(query: str | Row) -> str:
    return query if isinstance(query, str) else str(query["rawQueryText"])


@dataclass(frozen=True)
class Range:
    """The range chosen in Grafana, the present, and the game."""

    since: datetime
    until: datetime
    now: datetime
    game: int = 1

    def filled_in(self, target: Row) -> str:
        """Put in what Grafana puts in, and our present for that of the database."""
        words = str(target.get("rawSql") or target["rawQueryText"])
        put = {
            "$__timeFrom()": f"'{self.since:%Y-%m-%dT%H:%M:%SZ}'",
            "$__timeTo()": f"'{self.until:%Y-%m-%dT%H:%M:%SZ}'",
            "$__from": str(int(self.since.timestamp() * 1000)),
            "$__to": str(int(self.until.timestamp() * 1000)),
            "$game": str(self.game),
            "datetime('now')": f"'{self.now:%Y-%m-%d %H:%M:%S}'",
            "now()": f"CAST('{self.now:%Y-%m-%d %H:%M:%SZ}' AS timestamptz)",
        }
        for macro, value in put.items():
            words = words.replace(macro, value)
        assert "$" not in words
        return words

    def told(self, conn: Connection, title: str) -> list[Row]:
        """Ask a panel."""
        words = self.filled_in(dict(targets(conn.dialect.name))[title])
        words = words if conn.dialect.name == "sqlite" else words.replace("%", "%%")  # psycopg's
        return [dict(row) for row in conn.exec_driver_sql(words).mappings()]


def instant(value: object) -> datetime:
    """Read a time as Grafana does: an instant, or seconds since 1970."""
    return value if isinstance(value, datetime) else datetime.fromtimestamp(int(str(value)), UTC)


def drawn(rows: Sequence[Row], name: str, instants: Sequence[datetime]) -> list[Any]:
    """Tell what a line shows at some instants; None where it is broken, or not there.

    It goes on at the height of a point to the next one, and ends with the last.
    """
    times = [instant(row["time"]) for row in rows]
    places = [bisect_right(times, one) - 1 for one in instants]
    return [
        rows[place][name] if place >= 0 and one <= times[-1] else None
        for place, one in zip(places, instants, strict=True)
    ]
