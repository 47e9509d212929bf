"""A dashboard over a harvested world, asked without a socket or served on loopback."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from harvests import STILL
from worlds import NOW, Bench

from harvester import harvest
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store import db, migrate, notes
from harvester.store.polls import Selection
from harvester.web.app import application
from harvester.web.security import Door
from harvester.web.server import listen
from harvester.web.site import Site

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)> \u202egpj.exe {{ 7 * 7 }}'
NOTES = "=cmd|' /C calc'!A0 </td><script>alert(3)</script>\u2066\x1b[2J"
DAYS = 10
WATCH = '[watch]\ngames = [1, 2]\nusers = ["Ann"]\ndevelopers = ["Dev"]'
HOME = "http://127.0.0.1:8000"


@dataclass
class Dashboard:
    """An application over a database, with the world's time."""

    url: str
    now: datetime
    door: Door = field(default_factory=Door)
    has_sql: bool = False
    zone: str = "UTC"

    @contextmanager
    def app(self) -> Iterator[Any]:
        """Put it together as `serve` does."""
        engine = db.connect(self.url, is_read_only=True)
        site = Site(
            engine,
            lambda: self.now,
            migrate.head(),
            zone=self.zone,
            has_sql=self.has_sql,
            has_login=bool(self.door.token),
        )
        try:
            yield application(site, self.door)
        finally:
            engine.dispose()

    def ask(self, place: str, *, method: str = "GET", **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Ask for one answer, without a socket."""
        with self.app() as app:
            return asyncio.run(_asked(app, method, place, options))

    def but(self, **changes: Any) -> "Dashboard":  # noqa: ANN401 - of many types
        """Make one that differs in this."""
        return replace(self, **changes)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve it on loopback; yield its address."""
        with self.app() as app, listen("127.0.0.1", 0) as listening:
            config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
                thread.join()


async def _asked(app: Any, method: str, place: str, options: Mapping[str, Any]) -> httpx.Response:  # noqa: ANN401 - ASGI
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
        return await client.request(method, place, **options)


def inhabit(world: World) -> None:
    """Put two games, their players and a ticket into a world, with names that strangers chose."""
    world.add_game(1, HOSTILE, 1)
    world.add_game(2, "Sonic & Knuckles", 1)
    developer = world.add_user("Dev")
    for number in range(4):
        world.add_achievement(1, f"Deed {number} {HOSTILE}", id=11 + number, author=developer)
        world.add_achievement(2, f"Ring {number}", id=21 + number, author=developer)
    for number, name in enumerate(("Ann", "Bob", "Cid")):
        world.unlock(world.add_user(name), 11, at=NOW - timedelta(days=3 + number))
    world.open_ticket(11, developer, notes=NOTES)


def live_and_harvest(bench: Bench) -> datetime:
    """Let days go by with a deed each, looked at once a day; tell when it ended."""
    with bench.harvest() as made:
        for day in range(DAYS):
            list(harvest.round_of(made, Selection()))
            bench.world.advance(hours=24)
            ulid = bench.world.add_user(f"New{day}")
            bench.world.unlock(ulid, 11 + day % 4, at=bench.world.now)
            bench.world.revise(14, points=5 + day // 5)
        list(harvest.round_of(made, Selection()))
    return bench.world.now


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Dashboard:
    """Harvest a world for some days; yield its dashboard, which is shared and never written to."""
    folder, world = tmp_path_factory.mktemp("dashboard"), World(now=NOW)
    world.add_console(1, "Genesis/Mega Drive")
    inhabit(world)
    url = f"sqlite:///{folder}/harvester.db"
    now = _harvested(world, folder / "config.toml", url)
    _remark(url, now - timedelta(days=2))
    return Dashboard(url, now)


def _remark(url: str, at: datetime) -> None:
    engine = db.connect(url)
    with engine.begin() as conn:
        notes.add(conn, at=at, title=f"Revised {HOSTILE}", scope="game:1")
    engine.dispose()


def _harvested(world: World, path: Path, url: str) -> datetime:
    with serve(world) as base_url:
        bench = Bench(world, path, base_url)
        bench.configure(WATCH, api=STILL, database=url)
        return live_and_harvest(bench)
