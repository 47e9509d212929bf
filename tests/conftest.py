"""What all tests share: no network beyond this machine, and recorded answers if given."""

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterator

import hypothesis
import pytest

Connect = Callable[[socket.socket, object], object]

# How long an example takes says something about the machine, and nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["worlds", "commands", "harvests", "looks", "dashboards"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--payloads",
        metavar="DIR",
        help="also read every recorded answer in DIR (one folder per endpoint, and _errors)",
    )


@pytest.fixture(autouse=True, scope="session")
def no_socket_beyond_loopback() -> Iterator[None]:
    """Forbid connections to other machines: the tests bring their own RetroAchievements."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Take back what a command did to the log of its process: here others run in it, too."""
    root, ours = logging.getLogger(), logging.getLogger("harvester")
    handlers, levels = root.handlers, (root.level, ours.level)
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def _guarded(connect: Connect) -> Connect:
    def connect_on_loopback(self: socket.socket, address: object) -> object:
        if isinstance(address, tuple) and not _is_loopback(str(address[0])):
            raise RuntimeError(f"a test must not connect to {address}")
        return connect(self, address)

    return connect_on_loopback


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
