"""How RetroAchievements reads a query and writes JSON: PHP's casts, its slashes, its dates."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

PHP_INT_MAX = 2**63 - 1
NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,4})?)")
JSON_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
HTML_HEADERS = {"Content-Type": "text/html; charset=UTF-8"}
SITE = "https://retroachievements.org"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; `body` is not compressed yet."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)


class Ended(Exception):
    """Ends the making of an answer with this one."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True)
class Query:
    """The parameters as RA's middleware leaves them: trimmed, and absent when empty."""

    params: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """Return a parameter as text, None if it is absent or blank."""
        return self.params.get(name, "").strip() or None

    def number(self, name: str, default: int = 0) -> int:
        """Return a parameter as PHP casts it: "12abc" is 12, "abc" is 0, nothing raises."""
        text = self.text(name)
        return default if text is None else php_int(text)

    def page(self, default: int, most: int) -> slice:
        """Return the rows `o` and `c` ask for.

        A negative `c` makes SQL with an offset but no limit, which RA answers with a 500.
        """
        offset, count = max(0, self.number("o")), min(most, self.number("c", default))
        if count < 0:
            raise Ended(server_error())
        return slice(offset, offset + count)


def php_int(text: str) -> int:
    """Cast like `(int)` in PHP does."""
    match = NUMBER.match(text)
    value = Decimal(match[1]) if match else Decimal(0)
    return int(max(min(value, Decimal(PHP_INT_MAX)), -Decimal(PHP_INT_MAX)))


def stamp(at: datetime | None) -> str | None:
    """Write an instant as most of the interface does: 2016-03-12 17:47:29, in UTC."""
    return None if at is None else at.isoformat(" ")[:19]


def stamp_iso(at: datetime) -> str:
    """Write an instant as unlock lists do: 2023-10-27T00:19:05.000000Z."""
    return at.isoformat()[:19] + ".000000Z"


def ok(content: object) -> Reply:
    """Answer 200 with JSON."""
    return Reply(200, encode(content))


def encode(content: object) -> bytes:
    """Write JSON as PHP does: ASCII only, slashes escaped."""
    return json.dumps(content, separators=(",", ":")).replace("/", "\\/").encode()


def not_found(error: str) -> Reply:
    """Answer as ticket data does about something that is not there."""
    return Reply(404, encode({"error": error}))


def denied(status: int, title: str, code: str) -> Reply:
    """Answer as the exception handler does (`app/Exceptions/Handler.php`)."""
    error = {"status": str(status), "code": code, "title": title}
    return Reply(status, encode({"message": title, "errors": [error]}))


def unprocessable(errors: Mapping[str, str]) -> Reply:
    """Answer 422 with one problem per parameter, summed up as Laravel does."""
    first, *others = errors.values()
    more = f" (and {len(others)} more error{'s' * (len(others) > 1)})" if others else ""
    listed = {name: [problem] for name, problem in errors.items()}
    return Reply(422, encode({"message": first + more, "errors": listed}))


def server_error() -> Reply:
    """Answer as RA does when its program fails: pretty-printed."""
    return Reply(500, b'{\n    "message": "Server Error"\n}')


def page_of_html(status: int, title: str) -> Reply:
    """Answer with a web page, as what stands before RA's program does."""
    page = f"<!DOCTYPE html>\n<html><title>{title}</title><body>{title}</body></html>\n"
    return Reply(status, page.encode(), HTML_HEADERS)
