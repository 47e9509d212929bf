"""Sorts the server's answers into payloads and the kinds of error in errors.py.

Four JSON error bodies exist, told apart by their keys rather than by the status alone:
{"error": "Game ID 9 not found"}, {"message", "errors": [...]} of RA's exception handler,
{"message", "errors": {...}} of a refused parameter, and {"message": "Server Error"}; and
web pages of whatever stands before RA (`app/Exceptions/Handler.php`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from typing import Final, NoReturn, TypeVar

from harvester import __version__
from harvester.api.fields import text
from harvester.api.payloads import Request
from harvester.errors import (
    ApiError,
    Invalid,
    NotFound,
    Refused,
    ServerError,
    Unavailable,
)

P = TypeVar("P")

JSON: Final = "application/json"
_CHECK_KEY: Final = (
    "check api.username and api.key: your key is on the settings page of RetroAchievements"
)
_CHECK_URL: Final = "check api.base_url"
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_one_line = text(100)


@dataclass(frozen=True)
class Answer:
    """What came back: `content_type` without parameters, the two headers if present."""

    status: int
    content_type: str
    body: bytes
    retry_after: str | None = None
    location: str | None = None

    @property
    def is_data(self) -> bool:
        """Whether this may hold what was asked for."""
        return self.status == HTTPStatus.OK and self.content_type == JSON

    @property
    def is_page(self) -> bool:
        """Whether a web page (or anything else that RA's own program does not say)."""
        return _spoken(self) is None

    @property
    def digest(self) -> str:
        """Sum up the answer; another version of this program may read more in it.

        An empty list means one thing or another by what else is known: it sums up to nothing.
        """
        if not self.is_data or self.body == b"[]":
            return ""
        salt = __version__.encode()[: blake2b.SALT_SIZE]
        return blake2b(self.body, digest_size=12, salt=salt).hexdigest()


def judge(request: Request[P], answer: Answer) -> P:
    """Read the payload, or raise the kind of `ApiError` that the answer amounts to."""
    try:
        return _judged(request, answer)
    except Invalid as trouble:
        trouble.body = answer.body
        raise


def _judged(request: Request[P], answer: Answer) -> P:
    if answer.is_data:
        payload = request.read_fast(answer.body)
        return request.read(_decoded(answer.body)) if payload is None else payload
    raise _complaint(request, answer)


# --- data ------------------------------------------------------------------------------


def _decoded(body: bytes) -> object:
    """Decode a body; broken JSON is worth another try, JSON nobody can mean is not."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except (UnicodeDecodeError, json.JSONDecodeError):
        trouble: ApiError = Unavailable(f"{len(body)} bytes that are not (or not all of) JSON")
    except (ValueError, RecursionError):  # NaN, an endless number, endless nesting
        trouble = Invalid("JSON with a number or a depth that makes no sense")
    raise trouble


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


# --- complaints ------------------------------------------------------------------------


def _complaint(request: Request[P], answer: Answer) -> ApiError:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return Refused(f"RetroAchievements does not accept the API key; {_CHECK_KEY}")
    if answer.status in (HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY):
        return Invalid(f"{_status(answer)}: {_message(_spoken(answer))}")
    if answer.is_page:
        return Unavailable(_page(answer))
    return _spoken_complaint(request, answer)


def _spoken_complaint(request: Request[P], answer: Answer) -> ApiError:
    """Sort what RA's own program says."""
    spoken = _spoken(answer)
    if answer.status == HTTPStatus.FORBIDDEN:
        return Refused(f"RetroAchievements forbids this: {_message(spoken)}; {_CHECK_KEY}")
    if answer.status == HTTPStatus.NOT_FOUND:
        return _denial(request, spoken)
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError(f"{_status(answer)}: {_message(spoken)}")
    if answer.status > HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{_status(answer)}: {_message(spoken)}")
    return Invalid(f"{_status(answer)}: {_message(spoken)}")


def _denial(request: Request[P], spoken: object) -> ApiError:
    """Tell an unknown game, user or achievement from an unknown script.

    RA denies with {"error": …} or with the usual answer in which everything is empty.
    """
    if isinstance(spoken, Mapping) and "error" in spoken:
        return NotFound(_message(spoken), request.what)
    if spoken == [] or (isinstance(spoken, Mapping) and not any(spoken.values())):
        return NotFound(f"RetroAchievements knows no such {request.what}", request.what)
    return Invalid(f"HTTP 404: {_message(spoken)}; {_CHECK_URL}")


def _spoken(answer: Answer) -> object:
    """Decode the body of an error; None for a web page or broken JSON."""
    if answer.content_type != JSON:
        return None
    try:
        return _decoded(answer.body)
    except ApiError:
        return None


def _message(spoken: object) -> str:
    """Quote an error on one line."""
    said = spoken if isinstance(spoken, Mapping) else {}
    words = said.get("error") or said.get("message")
    return _one_line(words) if isinstance(words, str) else "no reason given"


def _page(answer: Answer) -> str:
    """Say what came instead of JSON, and where to look for the reason."""
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return f"{_status(answer)}: sent on to {answer.location}, not followed; {_CHECK_URL}"
    title = _TITLE.search(answer.body.decode("utf-8", errors="replace"))
    said = f' "{_one_line(" ".join(title[1].split()))}"' if title else ""
    hint = f"; {_CHECK_URL}" if answer.status == HTTPStatus.NOT_FOUND else ""
    return f"{_status(answer)}: {answer.content_type or 'nothing'}{said} instead of JSON{hint}"


def _status(answer: Answer) -> str:
    return f"HTTP {answer.status}"
