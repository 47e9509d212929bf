"""Log lines on stderr, as text or as JSON, on one line each and never with the key in them."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TextIO

from harvester.api.secrecy import scrubber
from harvester.text import visible

FORMATS: Final = ("text", "json")
_OURS = "harvester"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _Secrets:
    """The secrets of this process; whatever is logged is cleaned of them."""

    def __init__(self) -> None:
        self._scrubbers: dict[str, Callable[[str], str]] = {}

    def hide(self, secret: str) -> None:
        """Keep a secret out of everything from now on."""
        if secret:
            self._scrubbers.setdefault(secret, scrubber(secret))

    def scrub(self, text: str) -> str:
        """Return `text` without the secrets."""
        for scrub in self._scrubbers.values():
            text = scrub(text)
        return text


_SECRETS = _Secrets()
hide, scrub = _SECRETS.hide, _SECRETS.scrub


def set_up(verbosity: int, form: str) -> None:
    """Let log lines go to stderr: warnings, with `verbosity` 1 more, with 2 everything.

    What libraries have to say about their insides is told from 2 on only. May be called
    again to change one's mind.
    """
    ours = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    handler = _Stderr()
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(ours if ours == logging.DEBUG else logging.WARNING)
    logging.getLogger(_OURS).setLevel(ours)


def is_for_machines() -> bool:
    """Tell whether log lines are JSON."""
    return any(isinstance(handler.formatter, _Json) for handler in logging.getLogger().handlers)


def one_line(text: str) -> str:
    """Return what may be shown of a message: on one line, without secrets."""
    return visible(scrub(text))


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that moment: a progress display steps in between."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """The present stderr."""
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        """Stay with stderr."""


class _Text(logging.Formatter):
    """`2026-11-20 12:00:00 WARNING message`, a traceback on the lines below."""

    def format(self, record: logging.LogRecord) -> str:
        """Put a record into words."""
        line = f"{_at(record):%Y-%m-%d %H:%M:%S} {record.levelname} {_message(record)}"
        return "\n".join([line, *map(visible, self._traceback(record).splitlines())])

    def _traceback(self, record: logging.LogRecord) -> str:
        return scrub(self.formatException(record.exc_info)) if record.exc_info else ""


class _Json(_Text):
    """One object per line: time, level, logger, message, and traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Put a record into JSON."""
        told = {
            "time": f"{_at(record):%Y-%m-%dT%H:%M:%SZ}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        trace = self._traceback(record)
        return json.dumps(told | ({"traceback": trace} if trace else {}))


def _message(record: logging.LogRecord) -> str:
    return one_line(record.getMessage())


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
