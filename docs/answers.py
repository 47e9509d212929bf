"""Questions in SQL and their answers, as the pages show them: the same on both databases."""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from harvester.render import render

Rows = Sequence[dict[str, Any]]


def answer(conn: Connection, query: str) -> str:
    """Ask the database and write what it answers as a table."""
    return table(asked(conn, query))


def asked(conn: Connection, query: str) -> Rows:
    """Ask the database; tell its answer in values that do not depend on its kind."""
    result = conn.execute(text(query.replace(":", r"\:")))
    return [{name: plain(value) for name, value in row.items()} for row in result.mappings()]


def plain(value: object) -> object:
    """Return a value as SQLite tells it, whatever PostgreSQL makes of it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal):
        return float(value) if "." in str(value) else int(value)
    return int(value) if isinstance(value, bool) else value


def table(rows: Rows) -> str:
    """Write rows as `harvester query` does."""
    written = io.StringIO()
    render(rows, list(rows[0]) if rows else [], "table", written)
    return "\n".join(_stripped(written.getvalue()))


def _stripped(page: str) -> Iterator[str]:
    return (line.rstrip() for line in page.strip("\n").splitlines())
