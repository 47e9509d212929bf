"""Listening: which address, who may come, and how it ends."""

import errno
import gc
import ipaddress
import socket
from collections.abc import Collection
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from harvester.errors import ConfigError
from harvester.stop import Stop
from harvester.web.security import HOME, SHORTEST_TOKEN, Door

GRACE_SECONDS: Final = 3  # for answers that are under way when it ends
AT_ONCE: Final = 200  # connections
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - to be told apart, not to be bound to


def door_of(host: str, allowed: Collection[str], token: str, *, is_open: bool) -> Door:
    """Decide who is let in. Raises `ConfigError` where strangers could come in unasked."""
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"the token is too short: {SHORTEST_TOKEN} characters or more")
    if not (token or is_open or is_loopback(host)):
        raise ConfigError(
            f"{host} can be reached by others: set a token (HARVESTER_TOKEN or --token-file), "
            "or say --no-auth if everybody may look"
        )
    names = {name.lower().rstrip(".") for name in allowed}
    is_wide = host in _EVERYWHERE
    return Door(HOME | names | (set() if is_wide else {host.lower()}), is_wide, token)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Take an address. Raises `ConfigError` where it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        hint = "another program has it; --port 0 takes a free one"
        why = hint if error.errno == errno.EADDRINUSE else error.strerror
        raise ConfigError(f"cannot listen on {host} port {port}: {why}") from None


def address(listening: socket.socket) -> str:
    """Tell the address to open in a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class _Server(uvicorn.Server):
    """A server that waits for nobody's query when it ends.

    The application itself is told of the end only when all answers are there, or given up.
    """

    def __init__(self, config: uvicorn.Config, stop: Stop) -> None:
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Break off queries, so that what is said of it still reaches those who asked."""
        self._stop.request()
        await super().shutdown(sockets)


def serve(app: ASGIApp, listening: socket.socket, stop: Stop) -> None:
    """Answer until SIGTERM or Ctrl-C, then request `stop`."""
    gc.freeze()  # what is loaded by now stays: looking through it again delays answers
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config, stop).run(sockets=[listening])
