"""The JSON API: the same rows as on the command line and on the pages, as JSON or CSV."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harvester.endpoints import ENDPOINTS
from harvester.errors import ConfigError
from harvester.render import localized, render
from harvester.store import board, gaps, meanings, notes
from harvester.store.top import RANKINGS, ranked
from harvester.store.trends import TRENDS, Answer
from harvester.text import visible
from harvester.web import asked, health
from harvester.web.answers import answered, noted
from harvester.web.site import reading, site_of

FORMATS: Final = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
}
PAGE: Final = 100  # games
FEW: Final = 10  # of a ranking
MOST: Final = 1_000
CAVEAT: Final = "Harvester-Caveat"  # the header with what rows cannot tell
NOTHING_MORE: Final[Mapping[str, str]] = {}


def trend(request: Request) -> Response:
    """Answer a trend."""
    name = request.path_params["name"]
    if name not in TRENDS:
        raise HTTPException(404, f"no trend is called {name!r}; there are {', '.join(TRENDS)}")
    keys, during, form = asked.keys(request.query_params), asked.window(request), _form(request)
    with reading(site_of(request)) as conn:
        found = answered(conn, name, keys, during)
    rows = localized(found.rows, form, asked.clock_of(request, during))
    columns = list(rows[0]) if rows else ["time"]
    return _sent(rows, columns, form, name, _beside(found, during.bounds(trend=name, **keys)))


def _beside(found: Answer, query: str) -> dict[str, str]:
    """Say in headers what the command says beside the rows; the notes are at an address."""
    links = {"Link": f'</api/notes?{query}>; rel="related"; title="notes"'} if found.notes else {}
    return links | ({CAVEAT: _in_ascii(found.caveat)} if found.caveat else {})


def _in_ascii(line: str) -> str:
    return visible(line).encode("ascii", "backslashreplace").decode()


def remarks(request: Request) -> Response:
    """List dated remarks on the data."""
    query, form, ends = request.query_params, _form(request), asked.ends(request)
    name, keys, jobs = asked.word(query, "trend"), asked.keys(query), _jobs(query)
    if name and jobs:
        raise ConfigError("job does not go with trend, whose jobs are meant anyway")
    with reading(site_of(request)) as conn:
        rows = [vars(note) for note in noted(conn, name, keys, jobs, ends)]
    return _sent(rows, notes.COLUMNS, form, "notes")


def _jobs(query: QueryParams) -> list[str]:
    jobs = [asked.plain("job", one) for one in query.getlist("job")[: asked.MOST_KEYS]]
    for job in jobs:
        if job not in ENDPOINTS:
            raise ConfigError(f"job {job!r}: there are {', '.join(ENDPOINTS)}")
    return jobs


def watchlist(request: Request) -> Response:
    """Tell the watched games, players and developers."""
    form, limit, number = _form(request), *_cut(request)
    with reading(site_of(request)) as conn:
        rows = board.watched_games(conn, limit=limit, offset=(number - 1) * limit)
    return _sent(rows, list(meanings.WATCHLIST), form, "watchlist")


def top(request: Request) -> Response:
    """Tell what changed most over a period."""
    name, form, during = _ranking(request), _form(request), asked.whole(request)
    limit = asked.number(request.query_params, "limit", usual=FEW, most=MOST)
    with reading(site_of(request)) as conn:
        rows = ranked(conn, name, since=during.since, until=during.until, limit=limit)
    return _sent(rows, RANKINGS[name].columns, form, f"top-{name}")


def _ranking(request: Request) -> str:
    name = asked.word(request.query_params, "ranking")
    if name not in RANKINGS:
        raise ConfigError(f"ranking {name!r}: there are {', '.join(RANKINGS)}")
    return name


def coverage(request: Request) -> Response:
    """Tell how every job is doing."""
    form, site = _form(request), site_of(request)
    with reading(site) as conn:
        rows = board.jobs(conn, at=site.now())
    return _sent(rows, health.COLUMNS, form, "coverage")


def holes(request: Request) -> Response:
    """Tell when something was not looked at although it was watched, and why."""
    form, during, site = _form(request), asked.whole(request), site_of(request)
    games = asked.ids(request.query_params.getlist("game")[: asked.MOST_KEYS], "game")
    with reading(site) as conn:
        about = health.about(games)
        if games and not gaps.is_any(conn, about):
            raise ConfigError("nothing that is watched fits that")
        rows = health.holes(conn, about, during, at=site.now())
    return _sent(rows, gaps.COLUMNS, form, "gaps")


def _cut(request: Request) -> tuple[int, int]:
    query = request.query_params
    limit = asked.number(query, "limit", usual=PAGE, most=MOST)
    return limit, asked.number(query, "page", usual=1, most=1_000_000)


def _form(request: Request) -> str:
    form = asked.word(request.query_params, "format") or "json"
    if form not in FORMATS:
        raise ConfigError(f"format {form!r}: there are {', '.join(FORMATS)}")
    return form


def _sent(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    form: str,
    name: str,
    more: Mapping[str, str] = NOTHING_MORE,
) -> Response:
    out = io.StringIO()
    render(rows, columns, form, out)
    file = f'attachment; filename="{name}.{form}"'
    headers = {} if form == "json" else {"content-disposition": file}
    return Response(out.getvalue(), media_type=FORMATS[form], headers={**headers, **more})
