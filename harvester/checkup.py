"""What is wrong with a set-up, and how to mend it: key, watchlist, database, schedule.

Every check yields findings and goes on, so that one look shows everything. Nothing is
written, neither to the database nor beside it.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from harvester import app, clock, config, watchlist
from harvester.api import payloads
from harvester.api.client import Client
from harvester.api.pace import Pacer
from harvester.config import Settings
from harvester.errors import (
    ConfigError,
    DatabaseUnfit,
    HarvesterError,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
)
from harvester.schedule import Every, OnChange, Schedule, next_due, readable
from harvester.stop import Stop
from harvester.store import audit, db, migrate, report, runs

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True)
class Finding:
    """What a check came to: told in words with the remedy, and the exit code it deserves."""

    check: str
    result: str
    detail: str
    exit_code: int = 0


def findings(settings: Settings, *, is_offline: bool, stop: Stop) -> Iterator[Finding]:
    """Look at everything; one request is sent, unless `is_offline` or `fetch` would not ask."""
    yield from (Finding("config", WARNING, line) for line in config.warnings(settings))
    yield _watchlist(settings)
    yield _credentials(settings) or _key(settings, is_offline=is_offline, stop=stop)
    yield from _database(settings)
    yield from _schedule(settings, clock.now())


def problem(check: str, error: HarvesterError) -> Finding:
    """Make a finding of known trouble."""
    is_api_trouble = isinstance(error, Invalid | Unavailable)
    code = Unavailable.exit_code if is_api_trouble else error.exit_code
    return Finding(check, PROBLEM, str(error), code)


# --- watchlist and key -----------------------------------------------------------------


def _watchlist(settings: Settings) -> Finding:
    watch = settings.watch
    counts = {"games": watch.games, "players": watch.users, "developers": watch.developers}
    told = ", ".join(f"{name}: {len(these)}" for name, these in counts.items())
    if any(counts.values()):
        return Finding("watchlist", OK, told)
    return Finding("watchlist", WARNING, "empty; `harvester watch add --game ID` adds a game")


def _credentials(settings: Settings) -> Finding | None:
    try:
        config.require_credentials(settings)
    except ConfigError as error:
        return problem("key", error)
    return None


def _key(settings: Settings, *, is_offline: bool, stop: Stop) -> Finding:
    if is_offline:
        return Finding("key", OK, f"set for {settings.api.username}; not tried (--offline)")
    reason = _reason_to_wait(settings, clock.now())
    if reason is not None:
        return Finding("key", WARNING, f"set for {settings.api.username}; not tried: {reason}")
    try:
        _ask(settings, stop)
    except NotFound:
        wrong = f"api.username: RetroAchievements knows no {settings.api.username}"
        return problem("key", ConfigError(wrong))
    except (Refused, Unavailable, Invalid) as error:
        return problem("key", error)
    return Finding("key", OK, f"accepted by {settings.api.base_url}")


def _reason_to_wait(settings: Settings, now: datetime) -> str | None:
    """Tell what keeps `fetch` from asking anything now: RA's wish, or the day's budget."""
    before, budget = _legacy(settings, now), settings.api.daily_budget
    until = before.not_before_at if before else None
    if until is not None and until > now:
        return f"waiting until {until:%Y-%m-%d %H:%M:%S} UTC, as RA asked"
    if before and budget and before.requests_today >= budget:
        return f"the daily budget of {budget} requests is spent; it is renewed at 00:00 UTC"
    return None


def _legacy(settings: Settings, now: datetime) -> runs.Legacy | None:
    """Read what earlier runs left behind; without a usable database nothing is remembered."""
    try:
        with app.reading(settings) as engine, engine.connect() as conn:
            return runs.legacy(conn, at=now)
    except DatabaseUnfit:
        return None


def _ask(settings: Settings, stop: Stop) -> None:
    """Ask something cheap that every account has an answer to."""
    api = settings.api
    pacer = Pacer(api.requests_per_second, api.burst, time.monotonic, stop.wait)
    client = Client(api, pacer=pacer, stop=stop, now=clock.now, wait=_no_patience)
    with closing(client):
        client.get(payloads.developer_tickets(api.username))


def _no_patience(seconds: float) -> NoReturn:
    raise Unavailable(f"asked too fast (HTTP 429); try again in {seconds:.0f} s")


# --- database --------------------------------------------------------------------------


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        yield from _file(settings) or _schema(settings)
    except DatabaseUnfit as error:
        yield problem("database", error)


def _file(settings: Settings) -> list[Finding]:
    """Look whether an SQLite file is there, or could be made."""
    path = db.path_of(settings.database.url)
    if path is None:
        return []
    is_there, folder = Path(path).is_file(), Path(path).parent
    if not folder.is_dir():
        return [_unfit(f"there is no folder {folder}; make it, or change database.url")]
    needed = [str(folder), path] if is_there else [str(folder)]
    closed = next((name for name in needed if not os.access(name, os.W_OK)), None)
    if closed:
        return [_unfit(f"{closed} cannot be written; check who owns it")]
    if is_there:
        return []
    return [Finding("database", OK, f"{path} is not there yet; the first fetch makes it")]


def _unfit(detail: str) -> Finding:
    return problem("database", DatabaseUnfit(detail))


def _schema(settings: Settings) -> Iterator[Finding]:
    """Look at the schema without changing anything, and whether the server lets us write."""
    shown = config.shown_url(settings.database.url)
    with app.database(settings, is_read_only=True) as engine, engine.connect() as conn:
        found = migrate.state(conn)
        if found == "empty":
            yield Finding("database", OK, f"{shown} is empty; the first fetch makes the tables")
        elif found == "older" and settings.database.is_self_upgrading:
            yield Finding("database", OK, f"{shown} is older; run and fetch upgrade it")
        else:
            migrate.require_current(conn)
            yield Finding("database", OK, f"{shown}, current schema")
        if audit.is_replica(conn):
            yield _unfit("the server is a read-only replica; database.url has to name its primary")


# --- schedule --------------------------------------------------------------------------


def _schedule(settings: Settings, now: datetime) -> Iterator[Finding]:
    planned = _planned(settings)
    for job in config.JOBS:
        told = _told(settings, job, watchlist.job_schedule(settings, job))
        when = _next(settings, job, planned.get(job), now)
        yield Finding("schedule", OK, f"{job}: {told}{when}")


def _planned(settings: Settings) -> dict[str, datetime]:
    """Read from the plan when something is due; without a database there is none yet."""
    try:
        with app.reading(settings) as engine, engine.connect() as conn:
            return report.next_due(conn)
    except DatabaseUnfit:
        return {}


def _told(settings: Settings, job: str, schedule: Schedule) -> str:
    """Say a schedule in words."""
    if job == "unlocks" and settings.jobs.unlocks.mode == "off":
        return "off, unless a game says otherwise"
    if isinstance(schedule, OnChange):
        return f"when counters moved, and every {readable(watchlist.sweep(settings))}"
    if isinstance(schedule, Every):
        return f"every {readable(schedule)}"  # "1h to 1d" where it adapts
    return f"at {readable(schedule)} (cron, {settings.schedule.timezone})"


def _next(settings: Settings, job: str, due_at: datetime | None, now: datetime) -> str:
    schedule = watchlist.job_schedule(settings, job)
    if due_at is None and not isinstance(schedule, Every | OnChange):
        zone = settings.schedule.zone
        due_at = next_due(schedule, now, due_at=None, target=job, timezone=zone)
    if due_at is None:
        return ""
    return f"; next {'now' if due_at <= now else f'{due_at:%Y-%m-%d %H:%M} UTC'}"
