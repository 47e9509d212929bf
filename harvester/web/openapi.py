"""The description of the API in OpenAPI 3.1, made from the trends there are."""

import json
from typing import Any, Final

from harvester import __version__
from harvester.store.top import RANKINGS
from harvester.store.trends import TRENDS, Trend
from harvester.web.asked import DEFAULTS

Part = dict[str, Any]

_TEXT: Final = {"type": "string"}
_PERIOD: Final = {
    "since": 'From when: a date, a time, or an age such as "30d".',
    "until": "Until when: the same; never later than now.",
    "every": 'How long a period is: "1h", "1d", "1w", "1mo" …',
    "zone": "The time zone of the calendar, such as Europe/Berlin.",
}
_KEYS: Final = {
    "game": ("integer", "A game by its id; may be repeated."),
    "achievement": ("integer", "An achievement by its id; may be repeated."),
    "user": ("string", "A player by name or ULID; may be repeated."),
    "developer": ("string", "A developer by name or ULID; may be repeated."),
}
_GAPS: Final = "When something was not looked at; of unlock lists only with game."
_MEDIA: Final = ("application/json", "application/x-ndjson", "text/csv")
_TROUBLES: Final = {
    "400": "What was asked for makes no sense; `error` says why.",
    "404": "There is no such trend.",
    "503": "The database cannot be used at the moment.",
}


def document(*, has_login: bool) -> str:
    """Write the whole description."""
    return json.dumps(described(has_login=has_login), indent=1)


def described(*, has_login: bool) -> Part:
    """Describe every path, and the token where one is needed."""
    bearer: Part = {"token": {"type": "http", "scheme": "bearer"}} if has_login else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ra-harvester", "version": __version__},
        "servers": [{"url": "/"}],
        "security": [{"token": []}] if has_login else [],
        "paths": {f"/api/trends/{name}": _trend(trend) for name, trend in TRENDS.items()}
        | _others(),
        "components": {"securitySchemes": bearer, "schemas": {"Trouble": _TROUBLE}},
    }


_TROUBLE: Final[Part] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _TEXT},
}


def _trend(trend: Trend) -> Part:
    parameters = [_key(name) for name in trend.keys] + [_period(name) for name in _PERIOD]
    properties = {"time": {"type": "string", "format": "date-time"}}
    row = {"type": "object", "properties": properties | {name: {} for name in trend.values}}
    return _get(f"trend-{trend.name}", trend.help, parameters, row)


def _key(name: str) -> Part:
    kind, told = _KEYS[name]
    schema = {"type": "array", "items": {"type": kind}}
    return _parameter(name, told, schema) | {"explode": True}


def _period(name: str) -> Part:
    usual = {"default": DEFAULTS[name]} if name in DEFAULTS else {}
    return _parameter(name, _PERIOD[name], _TEXT | usual)


def _parameter(name: str, told: str, schema: Part) -> Part:
    return {"name": name, "in": "query", "description": told, "schema": schema}


def _get(name: str, told: str, parameters: list[Part], row: Part) -> Part:
    forms = {"type": "string", "enum": ["json", "ndjson", "csv"], "default": "json"}
    rows = {"type": "array", "items": row}
    content = {kind: {"schema": rows if kind == _MEDIA[0] else _TEXT} for kind in _MEDIA}
    trouble = {"application/json": {"schema": {"$ref": "#/components/schemas/Trouble"}}}
    troubles = {code: {"description": why, "content": trouble} for code, why in _TROUBLES.items()}
    operation = {
        "operationId": name,
        "summary": told,
        "parameters": [*parameters, _parameter("format", "How rows are written.", forms)],
        "responses": {"200": {"description": "The rows.", "content": content}} | troubles,
    }
    return {"get": operation}


def _others() -> dict[str, Part]:
    """Describe what is no trend."""
    row: Part = {"type": "object"}
    whole = {"type": "integer", "minimum": 1}
    cut = [
        _parameter("limit", "How many rows at most.", whole),
        _parameter("page", "Which of so many rows, from 1.", whole),
    ]
    names = _parameter("ranking", "What is ranked.", _TEXT | {"enum": list(RANKINGS)})
    ranking = [names | {"required": True}, cut[0], _period("since"), _period("until")]
    return {
        "/api/top": _get("top", "What changed most over a period.", ranking, row),
        "/api/watchlist": _get("watchlist", "The watched games as they stand now.", cut, row),
        "/api/notes": _get("notes", "Dated remarks on the data.", [], row),
        "/api/coverage": _get("coverage", "How every job is doing.", [], row),
        "/api/gaps": _get("gaps", _GAPS, [_key("game"), _period("since"), _period("until")], row),
    }
