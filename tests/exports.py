"""Exports in this process, and reading them back with programs that are not ours."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from sqlalchemy import Engine, Table, select
from worlds import NOW

from harvester.export import Order, Tell, Written, run
from harvester.stop import Stop
from harvester.store import db, history, schema
from harvester.store.extracts import relations, snapshot
from harvester.store.rows import Batch

ROOT = Path(__file__).parents[1]
Row = dict[str, Any]
INSIDE = {"ended", "pid", "host", "payload"}


def order(path: Path, form: str = "parquet", *tables: str, **more: Any) -> Order:  # noqa: ANN401 - as Order takes them
    """Say what to export."""
    return Order(path, form, tables, **more)


def export(
    engine: Engine,
    wanted: Order,
    *,
    at: datetime = NOW,
    tell: Tell = lambda _table, _rows: None,
) -> dict[str, Written]:
    """Export; tell what came of each table."""
    url = engine.url.render_as_string(hide_password=False)
    reader = db.connect(url, is_read_only=True)
    try:
        with snapshot(reader, Stop()) as conn:
            return {one.table: one for one in run(conn, wanted, at=at, tell=tell)}
    finally:
        reader.dispose()


def record(engine: Engine, table: Table, rows: Sequence[Row], *, at: datetime) -> None:
    """Remember rows as a harvest does."""
    within: Row = {}
    with engine.begin() as conn:
        history.record(conn, Batch(table, within, rows), at=at, fetch_id=1)


def games(engine: Engine, *ids: int, **columns: object) -> None:
    """Put games into the database."""
    with engine.begin() as conn:
        rows = [{"id": own, "first_seen_at": NOW, **columns} for own in ids]
        conn.execute(schema.games.insert(), rows)


def stored(engine: Engine, name: str) -> list[Row]:
    """Read what an export of a table should hold, by our own tables."""
    table = schema.metadata.tables[name]
    with engine.connect() as conn:
        columns = relations(conn, [name])[0].columns
        query = select(*(table.c[own] for own in columns))
        return in_order([dict(row) for row in conn.execute(query).mappings()])


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Sort rows, whatever they hold."""
    return sorted(rows, key=lambda row: repr(list(row.values())))


def parquet(path: Path) -> list[Row]:
    """Read a Parquet file with Arrow."""
    return in_order(pq.read_table(path).to_pylist())


def duck(query: str) -> list[Row]:
    """Ask DuckDB, in a session whose zone is UTC; its instants come as Arrow hands them out."""
    with duckdb.connect() as conn:
        conn.execute("SET TimeZone = 'UTC'")
        return in_order(conn.sql(query).to_arrow_table().to_pylist())


def ndjson(path: Path) -> list[dict[str, Any]]:
    """Read an NDJSON file."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def rfc(at: datetime | None) -> str | None:
    """Write an instant as JSON has it."""
    return None if at is None else f"{at.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"


def recipes(document: str, language: str = "sql") -> list[str]:
    """Cut the blocks of code out of a document."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
