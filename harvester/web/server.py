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


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Answer until SIGTERM or Ctrl-C."""
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
    uvicorn.Server(config).run(sockets=[listening])
