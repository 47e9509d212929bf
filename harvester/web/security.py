"""The door: which names we answer to, who may come in, and what browsers may do with a page.

It stands around the whole application, so that errors pass through it, too. Names are checked
because a page elsewhere may let its own name point at this machine (DNS rebinding).
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harvester.web.guesses import SECONDS, Guesses

COOKIE: Final = "harvester_session"
SHORTEST_TOKEN: Final = 16  # characters
HOME: Final = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN: Final = ("/login", "/static/")  # what one may see before coming in
FOR_PROGRAMS: Final = ("/api/", "/charts/")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
}
TOO_MANY: Final = "too many wrong tokens came from your address; try again in a minute"
_OWN: Final = ("same-origin", "none", "")  # the last one: browsers and programs that do not say


@dataclass(frozen=True)
class Door:
    """Which hosts are answered to (any address by number where `is_wide`), and the token."""

    hosts: Collection[str] = HOME
    is_wide: bool = False
    token: str = ""
    guesses: Guesses = field(default_factory=Guesses, compare=False)

    @property
    def session(self) -> str:
        """What the cookie holds: it proves the token and does not tell it."""
        return hmac.new(self.token.encode(), b"ra-harvester session", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Compare in a time that tells nothing."""
        return _is_same(given, self.token)


def guarded(app: ASGIApp, door: Door) -> ASGIApp:
    """Put the door before an application."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        refused = _refused(scope, door)
        await (refused or app)(scope, receive, _with_headers(send, door))

    return guard


def _with_headers(send: Send, door: Door) -> Callable[[Message], Awaitable[None]]:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            # What took a token to see is not to lie on a disk.
            headers.setdefault("cache-control", "no-store" if door.token else "private, no-cache")
        await send(message)

    return sent


def _refused(scope: Scope, door: Door) -> Response | None:
    """Say why a request goes no further; None where it may."""
    headers = Headers(scope=scope)
    if not is_known_host(headers.get("host", ""), door):
        told = "this name is not one of the dashboard's; --allow-host NAME lets it be"
        return _told(scope, 421, told)
    if _is_foreign(scope, headers):
        return _told(scope, 403, "another site may link to the dashboard, and no more")
    if door.token and not scope["path"].startswith(OPEN):
        return _unknown(scope, headers, door)
    return None


def _unknown(scope: Scope, headers: Headers, door: Door) -> Response | None:
    """Say why a stranger goes no further; None where it is none."""
    who, is_token = address_of(scope), "authorization" in headers
    if is_token and door.guesses.are_enough(who):
        return JSONResponse({"error": TOO_MANY}, 429, {"retry-after": str(SECONDS)})
    if is_inside(headers, door):
        return None
    if is_token:
        door.guesses.count(who)
    return _turned_away(scope)


def address_of(scope: Scope) -> str:
    """Tell where a request comes from."""
    return str((scope.get("client") or ("",))[0])


def is_known_host(header: str, door: Door) -> bool:
    """Tell whether a Host header names us; the port is of no account."""
    host = host_of(header)
    return host in door.hosts or (door.is_wide and _is_address(host))


def host_of(header: str) -> str:
    """Take the name out of a Host header, without its port, brackets and last dot."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Tell what another site's page does behind its reader's back; following a link is none."""
    if headers.get("sec-fetch-site", "") in _OWN:
        return scope["method"] == "POST" and not _is_own_origin(headers)
    is_link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in {"GET", "HEAD"}
    return not is_link or (scope["path"] == "/sql" and bool(scope["query_string"]))


def _is_own_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def is_inside(headers: Mapping[str, str], door: Door) -> bool:
    """Tell whether a request brings the token, or the cookie that the login gave for it."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return door.is_token(given.strip())
    cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return _is_same(cookie, door.session)


def _is_same(given: str, expected: str) -> bool:
    ours, theirs = (hashlib.sha256(text.encode("utf-8", "replace")) for text in (expected, given))
    return hmac.compare_digest(ours.digest(), theirs.digest())


def _told(scope: Scope, status: int, line: str) -> Response:
    """Say it in the form that the asker reads."""
    is_program = scope["path"].startswith(FOR_PROGRAMS)
    return (
        JSONResponse({"error": line}, status)
        if is_program
        else PlainTextResponse(f"{line}\n", status)
    )


def _turned_away(scope: Scope) -> Response:
    if scope["path"].startswith(FOR_PROGRAMS):
        told = {"error": "send the token as `Authorization: Bearer TOKEN`"}
        return JSONResponse(told, 401, {"www-authenticate": "Bearer"})
    query = scope["query_string"].decode("latin-1")
    place = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"/login?next={quote(place, safe='')}", 303)
