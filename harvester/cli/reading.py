"""What a command that only asks the database begins with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from harvester import app
from harvester.cli.options import Globals
from harvester.cli.session import settings_of
from harvester.errors import DatabaseUnfit
from harvester.store import db


@contextmanager
def reading(chosen: Globals) -> Iterator[Engine]:
    """Open the configured database for questions; say so if it was never made."""
    settings = settings_of(chosen)
    path = db.path_of(settings.database.url)
    if path is not None and not Path(path).is_file():
        raise DatabaseUnfit(f"there is no {path} yet; the first `harvester fetch` makes it")
    with app.reading(settings) as engine:
        yield engine
