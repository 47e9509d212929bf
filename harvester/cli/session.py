"""What a command begins with: its settings, its output, and the wish to stop."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from harvester import config, logs
from harvester.cli.options import Globals
from harvester.config import Settings
from harvester.errors import ConfigError
from harvester.render import render, render_object
from harvester.stop import Stop

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def config_path(chosen: Globals) -> Path:
    """Find the configuration file; `ConfigError` if there is none."""
    return config.find(chosen.config)


def settings_of(chosen: Globals) -> Settings:
    """Read the configuration, and keep its key out of everything that is shown.

    Where the environment names the database, no file is needed to ask it something.
    """
    settings = config.load(_path_if_needed(chosen), os.environ)
    logs.hide(settings.api.key.get_secret_value())
    return settings


def _path_if_needed(chosen: Globals) -> Path | None:
    try:
        return config_path(chosen)
    except ConfigError:
        if chosen.config is None and os.environ.get("HARVESTER_DATABASE_URL"):
            return None
        raise


def show(rows: Iterable[Mapping[str, object]], columns: Sequence[str], form: str) -> None:
    """Write rows to stdout."""
    render(rows, columns, form, sys.stdout)


def show_object(content: Mapping[str, object]) -> None:
    """Write one JSON object to stdout."""
    render_object(content, sys.stdout)


def note(line: str) -> None:
    """Say something beside the data, on stderr."""
    click.echo(logs.one_line(line), err=True)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let SIGTERM and Ctrl-C ask to stop, instead of killing us in the middle of something."""
    stop = Stop()
    before = [signal.signal(number, _asking(stop)) for number in _SIGNALS]
    try:
        yield stop
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _asking(stop: Stop) -> Callable[[int, object], None]:
    return lambda _number, _frame: stop.request()
