"""What a harvesting process works with, and its signs of life in the database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection, Engine

from harvester.admission import Admission
from harvester.api.client import Client
from harvester.api.pace import Pacer
from harvester.clock import Clock
from harvester.config import Settings
from harvester.meter import Meter
from harvester.stop import Stop
from harvester.store import db, interruptions, runs
from harvester.store.evidence import Attempt
from harvester.store.polls import Poll
from harvester.store.rows import Changes

SHORT_PAUSE_SECONDS = 60  # a longer wait shows signs of life


def _none_due() -> int:
    return 0


@dataclass(frozen=True)
class Told:
    """What a round tells whoever watches it: what is asked, or what came of it.

    `due_left` counts what is still due when it is called.
    """

    poll: Poll
    due_left: Callable[[], int] = _none_due
    changes: Changes = field(default_factory=Changes)
    attempt: Attempt | None = None


@dataclass(frozen=True)
class Harvest:
    """Everything a round works with; built once by `app`, handed down."""

    engine: Engine
    client: Client
    pacer: Pacer
    meter: Meter
    clock: Clock
    stop: Stop
    run: int
    settings: Callable[[], Settings]
    evidence_ids: Iterator[int]
    tell: Callable[[Told], None] = lambda _told: None
    admission: Admission = field(default_factory=Admission)
    in_flight: int = 1

    @cached_property
    def reads(self) -> Engine:
        """What looks are for that write nothing."""
        return db.reads(self.engine)


def note(conn: Connection, harvest: Harvest, at: datetime) -> None:
    """Write down that the process lives, what it has asked, and how fast it may go on."""
    pulse = runs.Pulse(
        requests=harvest.meter.requests,
        requests_on=harvest.meter.day,
        requests_that_day=harvest.meter.counted_that_day,
        pace_factor=harvest.pacer.factor,
        quiet_since_at=harvest.pacer.quiet_since_at,
        not_before_at=harvest.client.not_before,
    )
    runs.beat(conn, harvest.run, pulse, at=at)


def beat(harvest: Harvest) -> None:
    """Tell the database that this process lives, though it asks nothing.

    Where its machine slept since the last time, that is written down, too.
    """
    at = harvest.clock()
    with harvest.engine.begin() as conn:
        interruptions.slept(conn, runs.beat_at(conn, harvest.run) or at, at=at)
        note(conn, harvest, at)


def pause(harvest: Harvest, seconds: float) -> None:
    """Wait while telling the database that this process lives; raise `Stopped` when asked to."""
    while seconds > 0:
        beat(harvest)  # first: what RA asked us to wait for must outlive this process
        harvest.stop.wait(min(seconds, SHORT_PAUSE_SECONDS))
        seconds -= SHORT_PAUSE_SECONDS


def end(harvest: Harvest) -> None:
    """Account for what was asked last, and end the run in good order."""
    at = harvest.clock()
    harvest.meter.settle()
    with harvest.engine.begin() as conn:
        note(conn, harvest, at)
        runs.end(conn, harvest.run, at=at)
