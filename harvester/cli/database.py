"""`harvester db`: upgrade the database, check it, and tell what is in it."""

from collections.abc import Mapping
from typing import Final

import click
from sqlalchemy import Engine

from harvester import app, clock, config
from harvester.cli.options import Globals, common, in_format
from harvester.cli.reading import reading
from harvester.cli.session import note, settings_of, show
from harvester.errors import DatabaseUnfit
from harvester.store import audit, lock, migrate

_MOST_SHOWN: Final = 20  # findings of one check; the rest is counted


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@common
@click.pass_obj
def upgrade(chosen: Globals) -> None:
    """Bring the database to the newest schema, after a backup.

    An empty database gets its tables. The backup is a file beside an SQLite database; back
    up PostgreSQL with its own tools first.
    """
    settings = settings_of(chosen)
    with app.database(settings) as engine, lock.hold(engine):
        before = _revision(engine)
        backup = migrate.upgrade(engine, now=clock.now())
    if backup is not None:
        click.echo(f"backup in {backup}")
    click.echo(_step(before, migrate.head()))


def _revision(engine: Engine) -> str | None:
    with engine.connect() as conn:
        return migrate.current(conn)


def _step(before: str | None, now: str) -> str:
    if before == now:
        return f"nothing to do: the schema is {now} already"
    return f"upgraded from {before} to {now}" if before else f"made the tables of schema {now}"


@db.command()
@in_format
@common
@click.pass_obj
def check(chosen: Globals, *, form: str) -> None:
    """Look for damage: file, references, intervals, entities, evidence; exit code 7 if any is."""
    with reading(chosen) as engine, engine.connect() as conn:
        rows = [row for found in audit.findings(conn) for row in _results(*found)]
    show(rows, ("check", "result", "detail"), form)
    if any(row["result"] != "ok" for row in rows):
        raise DatabaseUnfit("the database is damaged; restore a backup, and please report this")


def _results(name: str, found: list[str]) -> list[Mapping[str, str | None]]:
    if not found:
        return [{"check": name, "result": "ok", "detail": None}]
    shown = found[:_MOST_SHOWN]
    more = len(found) - len(shown)
    shown += [f"and {more} more"] if more else []
    return [{"check": name, "result": "problem", "detail": line} for line in shown]


@db.command()
@in_format
@common
@click.pass_obj
def info(chosen: Globals, *, form: str) -> None:
    """Tell where the database is, how big it is and what is in it."""
    settings = settings_of(chosen)
    with reading(chosen) as engine, engine.connect() as conn:
        told = {"url": config.shown_url(settings.database.url), **audit.info(conn)}
    show(({"name": name, "value": value} for name, value in told.items()), ("name", "value"), form)
    if told["first look"] is None:
        note("nothing was asked yet; `harvester fetch` does")
