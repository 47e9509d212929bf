"""What several commands say about what is still to be asked."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from harvester import admission, app, backlog, bill, planned
from harvester.config import Settings
from harvester.store import db, migrate, outlook
from harvester.store.outlook import Outlook


def known(settings: Settings, *, at: datetime) -> Outlook:
    """Read what the database knows; nothing where there is none yet."""
    path = db.path_of(settings.database.url)
    if path is not None and not Path(path).is_file():
        return outlook.NOTHING
    with app.database(settings, is_read_only=True) as engine, engine.connect() as conn:
        if migrate.state(conn) == "empty":
            return outlook.NOTHING
        migrate.require_current(conn)
        return outlook.read(conn, at=at)


def how_far(conn: Connection, settings: Settings, *, at: datetime) -> Iterator[str]:
    """Say how far first listings are, and what waits for lack of budget; nothing if all is well."""
    drawn = bill.draw_up(settings, outlook.read(conn, at=at), at=at)
    left = backlog.in_all(outlook.unlock_lists(conn))
    if not left.is_over:
        yield planned.progress(drawn, left)
    if short := admission.shortage(conn, settings, at=at):
        yield short
