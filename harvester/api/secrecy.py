"""Keeps the API key out of everything but the request itself.

RA wants the key in the query of every URL, and URLs get everywhere: urllib3 writes them
to its log, and servers repeat them in their error pages.
"""

import json
import logging
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

_HIDDEN: Final = "***"
_KEY_IN_URL = re.compile(r"(?<=[?&]y=)[^&\s\"'<>]+")
_LOGGERS: Final = ("connectionpool", "connection", "poolmanager", "response", "util.retry")


def scrubber(key: str) -> Callable[[str], str]:
    """Make a function that hides a key in text, in every spelling it may come in."""
    in_json = json.dumps(key)[1:-1]
    spellings = {key, quote(key, safe=""), quote_plus(key), in_json, in_json.replace("/", r"\/")}
    ordered = sorted(filter(None, spellings), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
    return lambda text: pattern.sub(_HIDDEN, text) if pattern else text


class KeyFilter(logging.Filter):
    """Hides the key in log lines that carry a URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the line, and let it pass."""
        record.msg = _KEY_IN_URL.sub(_HIDDEN, record.getMessage())
        record.args = ()
        return True


_KEY_FILTER = KeyFilter()


def keep_out_of_logs() -> None:
    """Hide the key in what urllib3 logs; asking for it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(f"urllib3.{name}").addFilter(_KEY_FILTER)
