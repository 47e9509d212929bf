"""The composition root: from a configuration to everything a harvest works with."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import InternalError, OperationalError

from harvester import clock, harvest
from harvester.api.client import Client
from harvester.api.pace import Pacer
from harvester.clock import Clock
from harvester.config import ApiSettings, Settings, require_credentials
from harvester.errors import DatabaseUnfit
from harvester.harvest import Harvest, Told
from harvester.meter import Meter
from harvester.stop import Stop
from harvester.store import db, evidence, lock, migrate, notes, runs

UNREMARKABLE_SECONDS = 10  # the longest wait for a request's turn without a sign of life


@dataclass(frozen=True)
class Time:
    """Where a process takes its time from: the real one, or that of a simulation."""

    now: Clock = clock.now
    monotonic: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] | None = None  # None: wait until somebody asks to stop


REAL_TIME = Time()


@contextmanager
def database(settings: Settings, *, is_read_only: bool = False) -> Iterator[Engine]:
    """Open the configured database; its own troubles are told in one line (exit 7)."""
    engine = db.connect(settings.database.url, is_read_only=is_read_only)
    try:
        with db.told_plainly():
            yield engine
    finally:
        engine.dispose()


@contextmanager
def reading(settings: Settings) -> Iterator[Engine]:
    """Open the database for questions: it must be there and current; nothing can be written."""
    with database(settings, is_read_only=True) as engine:
        with engine.connect() as conn:
            migrate.require_current(conn)
        yield engine


@contextmanager
def annotating(settings: Settings) -> Iterator[Engine]:
    """Open the database for a short write beside a harvester that runs, at the newest schema.

    The lock keeps a second harvest out, not the database: transactions take turns.
    """
    with database(settings) as engine:
        with engine.connect() as conn:
            migrate.require_current(conn)
        yield engine


@contextmanager
def writing(settings: Settings, *, now: Clock) -> Iterator[Engine]:
    """Open the database as its only writer, at the newest schema.

    Raises `DatabaseHeld`, and `DatabaseUnfit` where the schema is not ours to bring up.
    """
    with database(settings) as engine, lock.hold(engine):
        prepare(engine, settings, now=now())
        db.log_ahead(engine)
        yield engine


def prepare(engine: Engine, settings: Settings, *, now: datetime) -> Path | None:
    """Create the tables of an empty database; upgrade an older one where that is wanted."""
    with engine.connect() as conn:
        found = migrate.state(conn)
    if found == "empty" or (found == "older" and settings.database.is_self_upgrading):
        return migrate.upgrade(engine, now=now)
    with engine.begin() as conn:
        migrate.require_current(conn)
        notes.ship(conn)
    return None


@contextmanager
def harvesting(
    settings: Callable[[], Settings],
    command: str,
    *,
    stop: Stop,
    time_of: Time = REAL_TIME,
    tell: Callable[[Told], None] = lambda _told: None,
) -> Iterator[Harvest]:
    """Put a harvest together, plan it, and account for its process while it lives."""
    require_credentials(settings())
    with writing(settings(), now=time_of.now) as engine:
        made = _made(settings, engine, command, stop, time_of, tell)
        with _accounted(made), closing(made.client):
            harvest.plan(made)
            yield made


@contextmanager
def _accounted(made: Harvest) -> Iterator[None]:
    """End the run in good order, unless the database has failed us.

    It would fail once more, and first make a stop wait; the next run ends this one instead.
    """
    try:
        yield
    except (OperationalError, InternalError, DatabaseUnfit):
        raise
    except BaseException:
        harvest.end(made)
        raise
    harvest.end(made)


def _made(
    settings: Callable[[], Settings],
    engine: Engine,
    command: str,
    stop: Stop,
    time_of: Time,
    tell: Callable[[Told], None],
) -> Harvest:
    """Begin a run and build its client at the pace and budget that earlier runs left."""
    api, at = settings().api, time_of.now()
    with engine.begin() as conn:
        before = runs.legacy(conn, at=at)
        run = runs.start(conn, command, at=at, before=before)
        evidence_ids = evidence.ids(conn)
    meter = Meter(api.daily_budget, clock=time_of.now, asked_before=before.requests_today)
    pacer = _pacer(api, before, stop, time_of, at)
    client = Client(api, pacer=pacer, stop=stop, now=time_of.now, admit=meter.admit)
    client.not_before = before.not_before_at
    made = Harvest(
        engine, client, pacer, meter, time_of.now, stop, run, settings, evidence_ids, tell
    )
    made = replace(made, in_flight=api.in_flight)
    meter.note = partial(harvest.beat, made)
    client.wait = time_of.wait or partial(harvest.pause, made)
    pacer.wait = time_of.wait or partial(_keep_pace, made)
    return made


def _pacer(api: ApiSettings, before: runs.Legacy, stop: Stop, time_of: Time, at: datetime) -> Pacer:
    """Go on at the pace that earlier runs left, as if they and this one were one."""
    wait = time_of.wait or stop.wait
    pacer = Pacer(api.requests_per_second, api.burst, time_of.monotonic, wait, began_at=at)
    pacer.resume(before.pace_factor, quiet_since_at=before.quiet_since_at, asked_at=before.asked_at)
    return pacer


def _keep_pace(made: Harvest, seconds: float) -> None:
    """Wait for a request's turn; only a long wait needs signs of life."""
    if seconds > UNREMARKABLE_SECONDS:
        harvest.pause(made, seconds)
    else:
        made.stop.wait(seconds)
