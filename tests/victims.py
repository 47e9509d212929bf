"""Harvests and exports in processes of their own, to be killed: what such a process does."""

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from harvester import app, cli, clock, harvest
from harvester.config import load
from harvester.export import Order
from harvester.export import run as run_export
from harvester.stop import Stop
from harvester.store import db, extracts
from harvester.store.polls import Selection

MANY = 10_000  # rows, of which some are on disk by then
SMALL = 100_000  # bytes


def fetch(config: Path, hours: float) -> None:
    """Do as `fetch` does, with a clock that is so many hours ahead."""
    settings = load(config, {})
    ahead = app.Time(now=lambda: clock.now() + timedelta(hours=hours))
    with app.harvesting(lambda: settings, "fetch", stop=Stop(), time_of=ahead) as made:
        for _ in harvest.round_of(made, Selection()):
            pass


def export(url: str, folder: Path, form: str) -> None:
    """Do as `export` does, and be killed when some rows are written."""
    engine = db.connect(url, is_read_only=True)
    wanted = Order(folder, form, ["games"])

    def die(_table: str, rows: int) -> None:
        if rows > MANY:
            os.kill(os.getpid(), signal.SIGKILL)

    with extracts.snapshot(engine, Stop()) as conn:
        list(run_export(conn, wanted, at=clock.now(), tell=die))


def export_on_a_small_disk(url: str, folder: Path, form: str) -> None:
    """Do as `export` does where no file can have more than so many bytes; exit as it does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))
    os.environ["HARVESTER_DATABASE_URL"] = url
    sys.exit(cli.run(["export", str(folder), "--format", form, "--tables", "games"]))


def run(what: Callable[..., None], *args: object) -> int | None:
    """Let a process of its own do something; return how it ended."""
    process = multiprocessing.get_context("spawn").Process(target=what, args=args)
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    return code
