"""docs/schema.md, made of the tables' own metadata and of the views."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, Date, Float, Integer, Table

from docs.answers import answer
from harvester.store import schema
from harvester.store.intervals import Instant
from harvester.store.view import View
from harvester.store.views import VIEWS

GROUPS: Final = {
    "As it is now": ("consoles", "games", "achievements", "users", "tickets"),
    "History": tuple(schema.HISTORIES),
    "Remarks": ("discontinuities",),
}
REST: Final = "The harvest itself"
HEAD: Final = """\
# The database

<!-- Made by `make docs`: change the docs of columns in `harvester/store/` instead. -->

All that is collected, in SQLite or PostgreSQL. [`cookbook.md`](cookbook.md) has questions and the
SQL that answers them. Ask with `harvester query "SELECT …"`, or with any tool that reads your
database; the names on this page stay what they are.

- An *instant* is UTC, whole seconds: text `YYYY-MM-DD HH:MM:SS` in SQLite, `timestamptz(0)` in
  PostgreSQL. Compare with `'2026-03-01 00:00:00'`, in full: SQLite compares text. A *boolean* is
  0 or 1 in SQLite.
- A history row says what held from `valid_from` until just before `valid_to`. `valid_to IS NULL`
  is what holds now; `valid_from <= X AND (valid_to IS NULL OR valid_to > X)` what held at X.
- A value that did not change has no new row. That it was looked at is in `fetches`, and in
  `v_coverage`: where nobody looked, the last row is only the last that is known.
- What is known by its id alone (an achievement of a ticket whose game is not watched) has a row
  whose other columns are null.
"""
TYPES: Final = (
    (Instant, "instant"),
    (Boolean, "boolean"),
    (Date, "date"),
    (Float, "float"),
    (BigInteger | Integer, "integer"),
)


def page(conn: Connection) -> str:
    """Write the page; the examples are asked on `conn`, the simulated weeks."""
    parts = [HEAD, *_views(conn), *_tables(), *_diagram()]
    return "\n".join(parts)


def _views(conn: Connection) -> Iterator[str]:
    yield "## Views\n"
    yield "One row of a view needs no join: it says by name what it is about, and `time` is when.\n"
    yield "| view | one row is | example |"
    yield "|---|---|---|"
    for view in VIEWS.values():
        yield f"| [`{view.name}`](#{view.name}) | {view.about} | {view.question} |"
    yield ""
    for view in VIEWS.values():
        yield from _view(conn, view)


def _view(conn: Connection, view: View) -> Iterator[str]:
    yield f"### `{view.name}`\n\n{_sentence(view.about)}\n"
    yield "| column | what it means |"
    yield "|---|---|"
    for name in view.columns:
        yield f"| `{name}` | {view.meaning(name)} |"
    yield f"\n{view.question}\n\n```sql\n{view.example.strip()}\n```\n"
    yield f"```text\n{answer(conn, view.example)}\n```\n"


def _sentence(about: str) -> str:
    return f"{about[0].upper()}{about[1:]}."


def _tables() -> Iterator[str]:
    yield "## Tables\n"
    told = {name for names in GROUPS.values() for name in names}
    rest = tuple(name for name in schema.metadata.tables if name not in told)
    for title, names in {**GROUPS, REST: rest}.items():
        yield f"### {title}\n"
        for name in names:
            yield from _table(schema.metadata.tables[name])


def _table(table: Table) -> Iterator[str]:
    yield f"#### `{table.name}`\n\n{_sentence(table.info['about'])}\n"
    yield "| column | type | key | what it means |"
    yield "|---|---|---|---|"
    for column in table.c:
        yield f"| `{column.name}` | {_type(column)} | {_key(column)} | {column.doc} |"
    yield ""


def _type(column: Column[object]) -> str:
    name = next((name for kind, name in TYPES if isinstance(column.type, kind)), "text")
    return name if column.nullable else f"{name}, never null"


def _key(column: Column[object]) -> str:
    refers = [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
    return " ".join(["primary"] * column.primary_key + refers)


def _diagram() -> Iterator[str]:
    """Draw what refers to what; keys only, for all columns are above."""
    yield "## Diagram\n"
    yield "Keys, and what refers to what. `fetch_id` of history rows, and the ids in `polls`, name"
    yield "rows that need not be there.\n"
    yield "```mermaid\nerDiagram"
    for table in schema.metadata.sorted_tables:
        yield f"    {table.name} {{"
        yield from (
            f"        {_word(own)} {own.name} {_mark(own)}".rstrip() for own in _keys(table)
        )
        yield "    }"
    for table in schema.metadata.sorted_tables:
        for column in table.c:
            for key in column.foreign_keys:
                yield f'    {key.column.table.name} ||--o{{ {table.name} : "{column.name}"'
    yield "```\n"


def _keys(table: Table) -> Iterator[Column[object]]:
    return (own for own in table.c if own.primary_key or own.foreign_keys)


def _word(column: Column[object]) -> str:
    return _type(column).partition(",")[0]


def _mark(column: Column[object]) -> str:
    return ", ".join(["PK"] * column.primary_key + ["FK"] * bool(column.foreign_keys))
