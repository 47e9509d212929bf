"""What went wrong, as a page or as JSON: one line that says what to do, and never a traceback."""

import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from harvester.errors import ConfigError, DatabaseUnfit, QueryRefused
from harvester.text import visible
from harvester.web.site import OLDER
from harvester.web.templating import page

log = logging.getLogger(__name__)

BUG = "this is a bug of ours; what happened stands on stderr of `harvester serve`"
_RETRY_SECONDS = "15"
_PLAINLY = {
    HTTPStatus.NOT_FOUND.phrase: "there is no such page",
    HTTPStatus.METHOD_NOT_ALLOWED.phrase: "there is nothing to be changed here: ask with GET",
}


def told(request: Request, status: int, line: str) -> Response:
    """Answer with one line, in the form that the asker reads."""
    headers = {"retry-after": _RETRY_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if request.url.path.startswith(("/api/", "/charts/", "/static/")):
        return JSONResponse({"error": visible(line)}, status, headers)
    heading = HTTPStatus(status).phrase
    response = page(request, "error.html", status=status, heading=heading, line=line)
    response.headers.update(headers)
    return response


def http_error(request: Request, error: Exception) -> Response:
    """Answer what is not there, and methods that are not taken."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    line = _PLAINLY.get(error.detail, error.detail)
    response = told(request, error.status_code, line)
    response.headers.update(error.headers or {})
    return response


def misasked(request: Request, error: Exception) -> Response:
    """Answer what makes no sense."""
    return told(request, HTTPStatus.BAD_REQUEST, str(error))


def unfit(request: Request, error: Exception) -> Response:
    """Answer while the database cannot be used; hosts, users and paths are for the log alone."""
    line = str(error)
    if line != OLDER:
        log.warning("%s", line)
        line = f"{line.partition(':')[0]}; why stands on stderr of `harvester serve`"
    return told(request, HTTPStatus.SERVICE_UNAVAILABLE, line)


def bug(request: Request, _error: Exception) -> Response:
    """Answer where we failed; the server logs why."""
    return told(request, HTTPStatus.INTERNAL_SERVER_ERROR, BUG)


HANDLERS = {
    HTTPException: http_error,
    ConfigError: misasked,
    QueryRefused: misasked,
    DatabaseUnfit: unfit,
    Exception: bug,
}
