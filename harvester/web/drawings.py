"""Charts at an address of their own: drawn as SVG, or as the specification that scripts draw.

Both are made from the same answer as the table beside them. What was drawn once is kept for a
while: drawing takes longer than asking.
"""

import json
from functools import lru_cache
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harvester import charts, pictures
from harvester.errors import ConfigError
from harvester.store.trends import TRENDS
from harvester.web import asked
from harvester.web.answers import answered
from harvester.web.site import reading, site_of

KEPT: Final = 256  # pictures of some 30 kB
_THEMES: Final = ("light", "dark")
_ALONE: Final = {  # a picture is no page: all it may do is look like something
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"
}


def svg(request: Request) -> Response:
    """Draw a chart."""
    text = json.dumps(_specification(request), sort_keys=True)
    return Response(_drawn(text), media_type="image/svg+xml", headers=_ALONE)


def specification(request: Request) -> Response:
    """Tell what is to be drawn, as Vega-Lite has it."""
    return Response(json.dumps(_specification(request)), media_type="application/json")


@lru_cache(KEPT)
def _drawn(text: str) -> bytes:
    return pictures.picture(json.loads(text), "svg")


def _specification(request: Request) -> dict[str, Any]:
    trend = request.path_params["trend"]
    if trend not in TRENDS:
        raise HTTPException(404, f"no trend is called {trend!r}")
    query, during = request.query_params, asked.window(request)
    keys, values, theme = asked.keys(query), _values(request, trend), _theme(request)
    with reading(site_of(request)) as conn:
        found = answered(conn, trend, keys, during)
    return charts.specification(
        trend, found.rows, values=values, zone=during.zone, notes=found.notes, theme=theme
    )


def _values(request: Request, trend: str) -> list[str]:
    """Take the values to draw; without any, all of the trend's."""
    there, wanted = TRENDS[trend].values, request.query_params.getlist("value")
    for name in wanted:
        if name not in there:
            raise ConfigError(f"trend {trend} has no value {name[:50]!r}: {', '.join(there)}")
    return wanted or list(there)


def _theme(request: Request) -> str:
    theme = asked.word(request.query_params, "theme") or "light"
    if theme not in _THEMES:
        raise ConfigError(f"theme {theme!r}: there are {', '.join(_THEMES)}")
    return theme
