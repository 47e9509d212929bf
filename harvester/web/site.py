"""What every page may know: the database (for reading), the time, and how it was started.

Nothing of the configuration but the time zone comes in here, and so neither does the API key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import Connection, Engine
from starlette.requests import Request

from harvester.clock import Clock
from harvester.errors import DatabaseUnfit
from harvester.stop import Stop
from harvester.store import db, migrate

OLDER = "the database is being brought to another version; try again in a minute"


@dataclass(frozen=True)
class Site:
    """A dashboard: its database, opened so that nothing can be written, and its options."""

    engine: Engine
    now: Clock
    revision: str  # of the schema that this program works with
    zone: str = "UTC"
    has_sql: bool = False
    has_login: bool = False
    stop: Stop = field(default_factory=Stop)  # when it is to end


def site_of(request: Request) -> Site:
    """Find the site that a request came to."""
    return cast("Site", request.app.state.site)


@contextmanager
def reading(site: Site) -> Iterator[Connection]:
    """Lend a connection for one answer.

    Raises `DatabaseUnfit` while the database is locked, or not at the schema we know.
    """
    with db.told_plainly(), site.engine.connect() as conn:
        if migrate.current(conn) != site.revision:
            raise DatabaseUnfit(OLDER)
        yield conn
