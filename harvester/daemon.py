"""The daemon: APScheduler's beat, signals, and an orderly stop.

beat -> round (ask what is due) -> wait for the next beat. The scheduler's thread does nothing
but beat; work happens in the main thread, where a signal can break off a request or a pause
at once, and nothing else (see `stop`).
"""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from harvester import admission, app, harvest
from harvester.config import Settings
from harvester.errors import BudgetSpent, ConfigError, GaveUp, HarvesterError, Stopped, Struck
from harvester.harvest import Harvest, Told
from harvester.stop import Stop
from harvester.store.polls import Selection

log = logging.getLogger(__name__)

BEAT_SECONDS = 30
PAUSE = timedelta(minutes=5)  # after a round that gave up


class Watch:
    """The configuration as the file has it now: read again on SIGHUP and when it changed.

    A file that does not make sense changes nothing: the harvest goes on with what it had.
    """

    def __init__(self, load: Callable[[], Settings], path: Path) -> None:
        self._load = load
        self._path = path
        self.settings = load()
        self._seen = self._stamp()
        self._is_asked = False

    def ask(self, *_signal: object) -> None:
        """Read the file again at the next opportunity; usable as a signal handler."""
        self._is_asked = True

    def changed(self) -> bool:
        """Read the file again where somebody asked or it changed; tell whether it says news."""
        stamp = self._stamp()
        if stamp == self._seen and not self._is_asked:
            return False
        self._seen, self._is_asked = stamp, False
        before, self.settings = self.settings, self._read()
        if (before.api, before.database) != (self.settings.api, self.settings.database):
            log.warning("what changed in [api] and [database] counts from the next start on")
        return before != self.settings

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Settings:
        try:
            settings = self._load()
        except ConfigError as error:
            log.error("the changed configuration is not used: %s", error)  # noqa: TRY400 - known trouble
            return self.settings
        log.warning("the configuration was read again")
        return settings


def run(
    load: Callable[[], Settings],
    path: Path,
    *,
    stop: Stop,
    time_of: app.Time = app.REAL_TIME,
    beat_seconds: float = BEAT_SECONDS,
) -> None:
    """Harvest until somebody asks to stop (SIGTERM, Ctrl-C); overdue polls are asked at once.

    Raises `Refused` where the key is refused, and what `app.harvesting` raises.
    """
    watch, wake = Watch(load, path), threading.Event()
    with (
        _signals(watch, wake, stop),
        app.harvesting(lambda: watch.settings, "run", stop=stop, time_of=time_of) as made,
        suppress(Stopped),
    ):
        log.warning("harvesting %s; stop with Ctrl-C or SIGTERM", path)
        _beat_on(made, watch, wake, beat_seconds)
    log.warning("stopped in good order")


@contextmanager
def _signals(watch: Watch, wake: threading.Event, stop: Stop) -> Iterator[None]:
    """Listen to signals while harvesting, and give them back afterwards."""

    def reload(*_signal: object) -> None:
        watch.ask()
        wake.set()

    handlers = {signal.SIGTERM: stop.request, signal.SIGINT: stop.request, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _beat_on(made: Harvest, watch: Watch, wake: threading.Event, seconds: float) -> None:
    """Begin a round at every beat of the scheduler, and the first one at once."""
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(wake.set, "interval", seconds=seconds, misfire_grace_time=None, coalesce=True)
    scheduler.start()
    try:
        pause = Pause()
        while True:
            pause = _round(made, watch, pause)
            with made.stop.interruptible():
                wake.wait()
            wake.clear()
    finally:
        scheduler.shutdown(wait=False)


@dataclass(frozen=True)
class Pause:
    """Why and until when nothing is asked."""

    until: datetime | None = None
    why: str = ""


def _round(made: Harvest, watch: Watch, pause: Pause) -> Pause:
    """Ask what is due, noticing a changed watchlist between two polls; tell what to wait for."""
    harvest.beat(made)
    if watch.changed():
        harvest.plan(made)
    if pause.until is not None and made.clock() < pause.until:
        return pause
    try:
        for told in harvest.round_of(made, Selection()):
            _warn_of(told)
            if watch.changed():
                harvest.plan(made)
    except Struck as error:
        log.error("%s", error)  # noqa: TRY400 - its traceback is in the log already
    except GaveUp as error:
        until = max(made.clock() + PAUSE, made.client.not_before or made.clock())
        return _paused(pause, until, error)
    except BudgetSpent as error:
        return _paused(pause, admission.midnight(made.clock()), error)
    return _waiting(made, pause)


def _waiting(made: Harvest, pause: Pause) -> Pause:
    """Say once what waits for budget; each beat looks whether it may go on."""
    waits = admission.told(harvest.waiting(made, Selection()))
    if waits and pause.why != waits:
        log.warning("%s", waits)
    return Pause(why=waits)


def _warn_of(told: Told) -> None:
    """Say once that a poll began to fail; `status` knows the rest."""
    if told.attempt and told.attempt.error and told.poll.last_error is None:
        log.warning("%s %s: %s", told.poll.job, told.poll.target, told.attempt.error)


def _paused(pause: Pause, until: datetime, error: HarvesterError) -> Pause:
    """Say once why nothing is asked for a while."""
    if pause.why != str(error):
        log.warning("%s; going on at %s UTC", error, f"{until:%Y-%m-%d %H:%M:%S}")
    return Pause(until, str(error))
