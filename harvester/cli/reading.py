"""What a command begins with that asks the database, or remarks on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from harvester import app
from harvester.cli.options import Globals
from harvester.cli.session import settings_of
from harvester.config import Settings
from harvester.errors import DatabaseUnfit
from harvester.store import db


@contextmanager
def reading(chosen: Globals) -> Iterator[Engine]:
    """Open the configured database for questions; say so if it was never made."""
    with app.reading(_made(settings_of(chosen))) as engine:
        yield engine


@contextmanager
def annotating(chosen: Globals) -> Iterator[Engine]:
    """Open the configured database for a short write; say so if it was never made."""
    with app.annotating(_made(settings_of(chosen))) as engine:
        yield engine


def _made(settings: Settings) -> Settings:
    path = db.path_of(settings.database.url)
    if path is not None and not Path(path).is_file():
        raise DatabaseUnfit(f"there is no {path} yet; the first `harvester fetch` makes it")
    return settings
