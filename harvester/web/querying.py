"""The page for questions in SQL: one statement, only reading, bounded in time and in rows.

It is read-only all the way down (see `harvester/store/sql.py`); what is added here is that a
page is not for long answers, and that few of them are worked on at a time.
"""

from contextlib import contextmanager
from itertools import islice
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harvester import plain
from harvester.errors import QueryRefused, Stopped
from harvester.store.sql import Line, require_modest, run_query
from harvester.web.listing import Cell, Column, Table
from harvester.web.site import Site, site_of
from harvester.web.templating import page
from harvester.wording import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 5
ROWS: Final = 500
BYTES: Final = 2_000_000  # of an answer
AT_ONCE: Final = 2
LONGEST: Final = 10_000  # characters of a query
EXAMPLE: Final = "SELECT id, title FROM games ORDER BY title"

_turns = BoundedSemaphore(AT_ONCE)


def sql(request: Request) -> Response:
    """Ask, and show what came of it; without a question show the form alone."""
    site, words = site_of(request), request.query_params.get("q", "").strip()
    if not site.has_sql:
        raise HTTPException(404, "questions in SQL are off; `harvester serve --sql` allows them")
    found, trouble = _tried(site, words) if words else (None, "")
    shown = {"words": words or EXAMPLE, "found": found, "trouble": trouble}
    bounds = {"seconds": SECONDS, "most": ROWS}
    return page(request, "sql.html", status=400 if trouble else 200, **shown, **bounds)


def _tried(site: Site, words: str) -> tuple[Table | None, str]:
    try:
        return _asked(site, words), ""
    except QueryRefused as refused:
        return None, str(refused).replace("; --timeout allows more", "")


def _asked(site: Site, words: str) -> Table:
    if len(words) > LONGEST:
        raise QueryRefused(f"the query is longer than {LONGEST:,} characters")
    with _turn():
        require_modest(site.engine)
        names, lines = run_query(
            site.engine,
            words,
            seconds=SECONDS,
            max_rows=ROWS + 1,
            max_bytes=BYTES,
            stop=site.stop,
        )
        rows = list(lines)
    remark = f"Cut after {ROWS:,} rows." if len(rows) > ROWS else ""
    shown = [_cells(line) for line in islice(rows, ROWS)]
    return Table("What the database answered", _columns(names, rows), shown, remark)


@contextmanager
def _turn() -> "Iterator[None]":
    """Wait for one's turn, but not for ever; tell the asker when the dashboard ends meanwhile."""
    if not _turns.acquire(timeout=SECONDS):
        raise QueryRefused("other queries are being worked on; try again in a moment")
    try:
        yield
    except Stopped:
        raise HTTPException(503, "the dashboard is being stopped") from None
    finally:
        _turns.release()


def _columns(names: list[str], rows: list[Line]) -> list[Column]:
    firsts = rows[0] if rows else [None] * len(names)
    return [
        Column(name, name, is_number=isinstance(first, int | float))
        for name, first in zip(names, firsts, strict=True)
    ]


def _cells(line: Line) -> list[Cell]:
    """Write values as `harvester query` writes them: an id with separators finds nothing."""
    return [Cell(NOTHING if value is None else plain.cell(value)) for value in line]
