"""The application: which address leads where, and the door around all of it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from threading import Thread
from typing import Final

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from harvester.web import api, assets, drawings, login, openapi, overview, pages, querying, troubles
from harvester.web.security import Door, guarded
from harvester.web.site import Site

THREADS: Final = 12  # answers made at a time: fewer than the pool has connections (15)
_ROUTES: Final[Sequence[tuple[str, Callable[[Request], Response]]]] = (
    ("/", overview.overview),
    ("/coverage", overview.coverage),
    ("/games/{own}", pages.game),
    ("/achievements/{own}", pages.achievement),
    ("/players/{who:path}", pages.player),
    ("/developers/{who:path}", pages.developer),
    ("/sql", querying.sql),
    ("/api/openapi.json", openapi.answer),
    ("/api/watchlist", api.watchlist),
    ("/api/top", api.top),
    ("/api/coverage", api.coverage),
    ("/api/gaps", api.holes),
    ("/api/notes", api.remarks),
    ("/api/trends/{name}", api.trend),
    ("/charts/{trend}.svg", drawings.svg),
    ("/charts/{trend}.json", drawings.specification),
    ("/static/{hash}/{name}", assets.static),
    ("/login", login.form),
)


def routes() -> list[BaseRoute]:
    """List every address there is."""
    posts = [
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
    ]
    return [*(Route(path, called, methods=["GET"]) for path, called in _ROUTES), *posts]


def application(site: Site, door: Door) -> ASGIApp:
    """Put a dashboard together."""
    made = Starlette(routes=routes(), exception_handlers=troubles.HANDLERS, lifespan=_lifespan)
    made.router.redirect_slashes = False
    made.state.site, made.state.door = site, door
    return guarded(made, door)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Make what takes long before somebody asks for it."""
    current_default_thread_limiter().total_tokens = THREADS
    Thread(target=assets.bundle, daemon=True).start()
    yield
