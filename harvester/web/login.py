"""Coming in with the token: a form that gives a cookie, which no script and no other site gets."""

from typing import Final
from urllib.parse import parse_qs, quote

from anyio import sleep
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from harvester.errors import ConfigError
from harvester.web.security import COOKIE, TOO_MANY, Door, address_of
from harvester.web.templating import page

LONGEST_FORM: Final = 4096  # bytes
PAUSE_SECONDS: Final = 1  # after a wrong token: guessing is to be slow
LASTS_SECONDS: Final = 30 * 24 * 3600
WRONG: Final = "This is not the token that the dashboard was started with."


def form(request: Request) -> Response:
    """Ask for the token."""
    return page(request, "login.html", next=_inside(request.query_params.get("next", "")), wrong="")


async def enter(request: Request) -> Response:
    """Take the token; give the cookie for it."""
    fields = parse_qs((await _body(request)).decode("utf-8", "replace"))
    given, place = (fields.get(name, [""])[0] for name in ("token", "next"))
    door: Door = request.app.state.door
    who = address_of(request.scope)
    if door.guesses.are_enough(who):
        return _again(request, 429, place, f"T{TOO_MANY[1:]}.")
    if not door.token or not door.is_token(given.strip()):
        door.guesses.count(who)
        await sleep(PAUSE_SECONDS)
        return _again(request, 401, place, WRONG)
    response = RedirectResponse(_inside(place), 303)
    response.set_cookie(
        COOKIE,
        door.session,
        max_age=LASTS_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.headers.get("origin", "").startswith("https://"),  # behind a proxy, too
    )
    return response


def _again(request: Request, status: int, place: str, told: str) -> Response:
    return page(request, "login.html", status=status, next=_inside(place), wrong=told)


async def leave(_request: Request) -> Response:
    """Take the cookie back."""
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise ConfigError("the form is longer than the dashboard reads")
    return body


def _inside(place: str) -> str:
    """Keep to places of the dashboard: another site's address is none."""
    is_ours = place.startswith("/") and not place.startswith(("//", "/\\", "/login"))
    return quote(place, safe="/?&=%:+,;@~-._") if is_ours and place.isprintable() else "/"
