"""The only way to RA: one question in, one payload or one kind of error out.

*pause asked for? -> pace -> budget -> send -> sort (answers.py) -> count*. Every attempt
goes this way, repeated ones included. Only a 429 is waited for and repeated in here;
what any other failure means for the plan is for the caller to say.
"""

import logging
import math
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from harvester import __version__
from harvester.api.account import ApiSettings
from harvester.api.answers import JSON, Answer, judge
from harvester.api.fields import text
from harvester.api.pace import LONGEST_WAIT, Pacer, backoff, retry_after
from harvester.api.payloads import Request
from harvester.api.secrecy import keep_out_of_logs, scrubber
from harvester.clock import Clock
from harvester.errors import ApiError, Invalid, Refused, Stopped, TooManyRequests, Unavailable
from harvester.stop import Stop

P = TypeVar("P")

PATIENCE: Final = 3  # failures in a row after which nothing is waited for any more
LARGEST_ANSWER: Final = 64 * 2**20  # bytes; the largest real ones are below one MiB
LARGEST_KEPT: Final = 256 * 2**10  # bytes of an invalid answer, for the bug report
DAY_SECONDS: Final = 24 * 60 * 60  # the longest pause that RA is believed to ask for
PROJECT: Final = "https://github.com/ra-harvester/ra-harvester"
_CHUNK = 64 * 2**10
_one_line = text(200)  # of a header, which reaches messages and the database
_TIMEOUTS_PER_ANSWER = 4  # a timeout is per read; an answer that drips must end, too

_log = logging.getLogger("harvester.api")


def _nothing() -> None:
    """Admit every request."""


@dataclass(eq=False)
class Client:
    """Asks RA one question at a time (`get`), and counts what came of it.

    `admit` is called before every attempt and may refuse it by raising. `sent` counts
    attempts; `failures_in_a_row` those that ended `Unavailable`, since the last usable
    answer; until `not_before` nothing may be asked, because RA said 429.

    Several threads may ask if only one of them has its turn (`stop`) outside of waiting. What
    was under way when RA said 429 is one trouble with it, and counts neither way; who comes
    to ask while another thread sits out the pause waits as well.
    """

    api: ApiSettings
    _: KW_ONLY
    pacer: Pacer
    stop: Stop
    now: Clock
    admit: Callable[[], None] = _nothing
    wait: Callable[[float], None] | None = None
    chance: random.Random = field(default_factory=random.Random)
    sent: int = field(default=0, init=False)
    failures_in_a_row: int = field(default=0, init=False)
    not_before: datetime | None = field(default=None, init=False)
    _too_fast: int = field(default=0, init=False)  # 429 in a row
    _forbidden: int = field(default=0, init=False)  # 403 pages in a row
    _pausing: int = field(default=0, init=False)  # threads that sit out a 429 of theirs
    _slowed_at: int = field(default=0, init=False)  # what was sent when RA last said 429
    _forbidden_at: int = field(default=0, init=False)  # … and turned us away with a 403 page
    _sent_by: Counter[int] = field(default_factory=Counter, init=False)  # by thread

    def __post_init__(self) -> None:
        keep_out_of_logs()
        self._scrub = scrubber(self.api.key.get_secret_value())
        self._session = _session(self.api)

    @property
    def sent_here(self) -> int:
        """How many attempts were made in this thread."""
        return self._sent_by[threading.get_ident()]

    @property
    def is_asked_to_wait(self) -> bool:
        """Whether RA asked for a pause that is not over."""
        return self._left() > 0

    @property
    def is_pausing(self) -> bool:
        """Whether a thread sits out a pause that RA asked for."""
        return self._pausing > 0

    def get(self, request: Request[P]) -> P:
        """Ask; raise `Refused`, `Unavailable`, `NotFound`, `Invalid` or `Stopped`.

        A 429 is waited for, up to 15 minutes, and asked again, unless it is the third
        failure in a row: then, and for a longer wait, `TooManyRequests` is raised.
        """
        answered = self._patiently(request, None)
        return cast("P", answered[0])

    def news(self, request: Request[P], digest: str | None) -> tuple[P | None, str]:
        """Ask like `get`, but read no answer of this digest; tell the digest of the answer."""
        answered = self._patiently(request, digest)
        return answered  # noqa: RET504 - else P would be taken for one that may be None

    def _patiently(self, request: Request[P], digest: str | None) -> tuple[P | None, str]:
        self.stop.check()
        self._heed_pause()
        while True:
            try:
                return self._attempt(request, digest)
            except TooManyRequests as trouble:
                if self.failures_in_a_row >= PATIENCE or trouble.wait_seconds > LONGEST_WAIT:
                    raise
                seconds = trouble.wait_seconds
            self._pause(seconds)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    # --- waiting -----------------------------------------------------------------------

    def _heed_pause(self) -> None:
        """Refuse to ask before the pause that an earlier 429 asked for is over.

        Where another thread sits it out, wait until it has done so.
        """
        while self._pausing:
            (self.wait or self.stop.wait)(max(1.0, self._left()))
        if (left := self._left()) > 0:
            moment = f"{self.not_before:%Y-%m-%d %H:%M:%S} UTC"
            raise TooManyRequests(f"RetroAchievements wants no request before {moment}", left)
        self.not_before = None

    def _left(self) -> float:
        """Tell what is left of the pause; more than a day can only come of a clock gone wrong."""
        left = (self.not_before - self.now()).total_seconds() if self.not_before else 0.0
        return left if left <= DAY_SECONDS else 0.0

    def _pause(self, seconds: float) -> None:
        _log.info("asked too fast; waiting %.0f s", seconds)
        until, self._pausing = self.not_before, self._pausing + 1
        try:
            (self.wait or self.stop.wait)(seconds)
        finally:
            self._pausing -= 1
        if self.not_before == until:  # else RA asked for a longer one meanwhile
            self.not_before = None

    def _take_turn(self) -> None:
        """Wait for the pace, and anew where RA asked for a pause meanwhile."""
        self.pacer.take()
        while self._pausing or self._left() > 0:
            self._heed_pause()
            self.pacer.take()

    def _too_many(self, answer: Answer, number: int) -> TooManyRequests:
        """Slow down, and say how long nothing may be asked."""
        if number > self._slowed_at:
            self.pacer.slow_down()
            self._too_fast += 1
        now = self.now()
        told = retry_after(answer.retry_after, now)
        seconds = backoff(self._too_fast, self.chance) if told is None else told
        seconds = max(seconds, self._left())
        self.not_before = now + timedelta(seconds=math.ceil(seconds))
        return TooManyRequests(f"HTTP 429: asked too fast; to wait {seconds:.0f} s", seconds)

    # --- one attempt -------------------------------------------------------------------

    def _attempt(self, request: Request[P], digest: str | None) -> tuple[P | None, str]:
        self._take_turn()
        self.admit()
        number = self.sent + 1
        try:
            answered = self._answered(request, digest, number)
        except ApiError as trouble:
            self._count(trouble, number)
            self._finish(trouble, request)
            raise
        self._count(None, number)
        return answered

    def _count(self, trouble: ApiError | None, number: int) -> None:
        if number <= self._slowed_at:
            return
        if isinstance(trouble, TooManyRequests):
            self._slowed_at = self.sent
        if isinstance(trouble, Unavailable):
            self.failures_in_a_row += 1
        else:
            self.failures_in_a_row = self._too_fast = 0

    def _answered(
        self, request: Request[P], digest: str | None, number: int
    ) -> tuple[P | None, str]:
        answer = self._exchanged(request)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._too_many(answer, number)
        self._count_forbidden(answer, number)
        own = answer.digest
        return (None if own and own == digest else judge(request, answer)), own

    def _count_forbidden(self, answer: Answer, number: int) -> None:
        """Take the third 403 page in a row for a refusal; one may be a passing whim."""
        if number <= self._forbidden_at:  # it was under way: the same whim
            return
        is_forbidden = answer.status == HTTPStatus.FORBIDDEN and answer.is_page
        self._forbidden = self._forbidden + 1 if is_forbidden else 0
        self._forbidden_at = self.sent if is_forbidden else self._forbidden_at
        if self._forbidden >= PATIENCE:
            raise Refused(
                "the server before RetroAchievements has turned us away three times (HTTP 403); "
                "open the site in a browser from this machine, and set api.contact"
            )

    def _finish(self, trouble: ApiError, request: Request[P]) -> None:
        """Say what was asked, and keep a body for the bug report, without the key."""
        said = str(trouble)
        if isinstance(trouble, Invalid):
            clean = self._clean(trouble.body)
            if clean != trouble.body:  # then what is said may quote a part of the key
                said = "an answer that makes no sense, and that repeats the API key"
            trouble.body = clean[:LARGEST_KEPT]
        if not isinstance(trouble, Refused):
            trouble.args = (f"{request.words}: {said}",)

    def _clean(self, body: bytes) -> bytes:
        return self._scrub(body.decode("latin-1")).encode("latin-1")

    # --- the wire ----------------------------------------------------------------------

    def _exchanged(self, request: Request[P]) -> Answer:
        """Send, and log how it went; trouble with the connection is `Unavailable`."""
        self.sent += 1
        self._sent_by[threading.get_ident()] += 1
        began = time.monotonic()
        try:
            with self.stop.interruptible():
                answer = self._exchange(request, began)
        except Stopped:
            ending: BaseException = Stopped("stopped")
        except (RequestException, HTTPError) as trouble:
            ending = Unavailable(self._scrub(_problem(trouble)))
        else:
            _log_answer(request, answer, time.monotonic() - began)
            return answer
        _log.debug("asked %s -> %s", request.words, str(ending))
        raise ending  # outside, for the exceptions of requests carry the URL

    def _exchange(self, request: Request[P], began: float) -> Answer:
        """Send once, with no redirect followed: the key must not travel elsewhere."""
        prepared = self._blank.copy()
        prepared.prepare_url(_url(self.api, request), self._params(request))
        adapter = self._session.get_adapter(prepared.url or "")
        seconds = self.api.timeout.total_seconds()
        response = adapter.send(prepared, timeout=seconds, **self._surroundings)
        with closing(response):
            body = _body(response, began + _TIMEOUTS_PER_ANSWER * seconds)
        return self._answer(response, body)

    @cached_property
    def _blank(self) -> requests.PreparedRequest:
        """What all requests share: the headers; putting them together takes a while."""
        return self._session.prepare_request(requests.Request("GET", self.api.base_url))

    @cached_property
    def _surroundings(self) -> dict[str, Any]:
        """Find the proxies and certificates that the environment names, which takes a while."""
        found = self._session.merge_environment_settings(
            url=self.api.base_url, proxies={}, stream=True, verify=None, cert=None
        )
        return cast("dict[str, Any]", found)

    def _params(self, request: Request[P]) -> list[tuple[str, str | int]]:
        key = [("y", self.api.key.get_secret_value())] if self.api.auth == "query" else []
        return [("z", self.api.username), *key, *request.params]

    def _answer(self, response: requests.Response, body: bytes) -> Answer:
        """Hide the key wherever an answer that is no data may repeat it."""
        header = response.headers.get
        answer = Answer(
            status=response.status_code,
            content_type=self._said(header("Content-Type", "")).partition(";")[0].strip().lower(),
            body=body,
            retry_after=header("Retry-After"),
            location=self._said(header("Location", "nowhere")),
        )
        return answer if answer.is_data else replace(answer, body=self._clean(body))

    def _said(self, header: str) -> str:
        return _one_line(self._scrub(header))


def _session(api: ApiSettings) -> requests.Session:
    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_connections=1, max_retries=0))
    session.mount("http://", HTTPAdapter(pool_connections=1, max_retries=0))
    session.headers.clear()
    session.headers.update(_headers(api))
    session.auth = _authorizer(api)
    return session


def _headers(api: ApiSettings) -> dict[str, str]:
    contact = re.sub(r"[^ -~]", "?", api.contact) or PROJECT  # headers are ASCII
    return {
        "User-Agent": f"ra-harvester/{__version__} (+{contact})",
        "Accept": JSON,  # without it RA's maintenance mode answers with a page
        "Accept-Encoding": "gzip",
    }


def _authorizer(api: ApiSettings) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Make what adds the key to the headers; given at all, it keeps ~/.netrc out."""

    def authorize(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        if api.auth == "bearer":
            prepared.headers["Authorization"] = f"Bearer {api.key.get_secret_value()}"
        return prepared

    return authorize


def _url(api: ApiSettings, request: Request[P]) -> str:
    return f"{api.base_url.rstrip('/')}/{request.name}.php"


def _body(response: requests.Response, deadline: float) -> bytes:
    """Read a body as it drips in, so that its size and its time have a limit."""
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise Invalid(f"more than {LARGEST_ANSWER} bytes", bytes(body))
        if time.monotonic() > deadline:
            raise requests.ReadTimeout
    return bytes(body)


def _problem(trouble: Exception) -> str:
    """Say what went wrong on the way, in words that hold no URL."""
    words = next(words for kinds, words in _PROBLEMS if isinstance(trouble, kinds))
    reason = _system_reason(trouble)
    return f"{words} ({reason})" if reason else words


_PROBLEMS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((requests.exceptions.SSLError,), "no secure connection"),
    ((requests.exceptions.ProxyError,), "the proxy did not let us through"),
    ((requests.ConnectTimeout,), "no connection in time"),
    ((requests.Timeout, ReadTimeoutError), "no answer in time"),
    ((requests.ConnectionError,), "no connection, or one that broke off"),
    ((HTTPError,), "an answer that broke off"),
    ((Exception,), "a request that cannot be sent; check api.base_url"),
)


def _system_reason(trouble: BaseException | None) -> str:
    """Find the operating system's own words ("Connection refused") below an exception."""
    below = trouble
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return str(below.strerror)
        reason = getattr(below.args[0], "reason", below.args[0]) if below.args else None
        below = reason if isinstance(reason, BaseException) else below.__cause__
    return ""


def _log_answer(request: Request[P], answer: Answer, seconds: float) -> None:
    outcome = (answer.status, seconds, len(answer.body))
    _log.debug("asked %s -> %d in %.2f s, %d bytes", request.words, *outcome)
