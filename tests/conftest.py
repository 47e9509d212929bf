"""What all tests share: no network beyond this machine, and recorded answers if given."""

import gc
import importlib
import ipaddress
import logging
import os
import pkgutil
import socket
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import hypothesis
import pytest
from coverage import Coverage
from sqlalchemy import create_engine

import harvester
from harvester.store import db

Connect = Callable[[socket.socket, object], object]

# How long an example takes says something about the machine, and nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["worlds", "commands", "harvests", "looks", "dashboards", "weeks"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--payloads",
        metavar="DIR",
        help="also read every recorded answer in DIR (one folder per endpoint, and _errors)",
    )


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over modules and tests, which stay to the end."""
    if Coverage.current():
        _import_all()
    gc.collect()
    gc.freeze()


def _import_all() -> None:
    """Import also what is imported late, lest the first test to do so be one that is not traced."""
    for module in pkgutil.walk_packages(harvester.__path__, "harvester."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let workers be traced by pytest-cov alone, and not as the processes of tests are, too."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """End what pytest-cov begins in a worker before it knows that it is one.

    Beneath the trace of the worker it would go on while that one pauses for no_cover.
    """
    if hasattr(session.config, "workerinput"):
        while early := Coverage.current():
            early.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Leave out of the measurement also what is prepared for a test that is marked no_cover."""
    plugin = item.config.pluginmanager.get_plugin("_cov")
    measuring = plugin and plugin.cov_controller
    if not measuring or not item.get_closest_marker("no_cover"):
        return (yield)
    measuring.pause()
    try:
        return (yield)
    finally:
        measuring.resume()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Leave out of the measurement also the processes that such a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("no_cover"):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        return (yield)


@pytest.fixture(autouse=True, scope="session")
def no_socket_beyond_loopback() -> Iterator[None]:
    """Forbid connections to other machines: the tests bring their own RetroAchievements."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


class Compiled(dict[Any, Any]):
    """What SQLAlchemy compiled, kept by the kind of database instead of by connection.

    A harvester compiles each statement once; the tests start thousands of them in a process.
    """

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        """Find what was compiled for any dialect of this name."""
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        super().__setitem__((key[0].name, *key[1:]), compiled)


@pytest.fixture(autouse=True, scope="session")
def statements_compiled_once() -> Iterator[None]:
    """Let all engines of a process share what they compiled."""
    shared = partial(create_engine, execution_options={"compiled_cache": Compiled()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "create_engine", shared)
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
