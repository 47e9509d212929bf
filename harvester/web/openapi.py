"""The description of the API in OpenAPI 3.1, made from the trends there are and what they hold."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from harvester import __version__
from harvester.endpoints import ENDPOINTS
from harvester.store import meanings
from harvester.store.meanings import Meaning, Meanings
from harvester.store.top import RANKINGS
from harvester.store.trends import TRENDS, Trend
from harvester.web.api import CAVEAT, FEW, FORMATS, MOST, PAGE
from harvester.web.asked import DEFAULTS, KEYS, LARGEST_ID, MOST_KEYS
from harvester.web.site import site_of

Part = dict[str, Any]

_TEXT: Final = {"type": "string"}
_TYPES: Final[Mapping[meanings.Kind, Part]] = {
    "text": _TEXT,
    "integer": {"type": "integer", "format": "int64"},
    "real": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"},
    "instant": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "length": {"type": "string", "pattern": r"^\d+:[0-5]\d:[0-5]\d$"},
    "any": {"type": ["string", "integer", "number", "boolean"]},
}
_PERIOD: Final = {
    "since": 'From when: a date, a time, or an age such as "30d".',
    "until": "Until when: the same; never later than now.",
    "every": 'How long a period is: "1h", "1d", "1w", "1mo" …',
    "zone": "The time zone of the calendar, such as Europe/Berlin.",
}
_CLOCK: Final = " CSV shows its clock, in a column that names it; JSON stays in UTC."
_KEYS: Final = {
    "game": "A game by its id; may be repeated.",
    "achievement": "An achievement by its id; may be repeated.",
    "user": "A player by name or ULID; may be repeated.",
    "developer": "A developer by name or ULID; may be repeated.",
}
_GAPS: Final = "When something was not looked at, the newest first; of unlock lists only with game."
_TROUBLES: Final = {
    "400": "What was asked for makes no sense, or lacks a key; `error` says why.",
    "403": "Another site's page asked behind its reader's back.",
    "404": "There is no such path: those of this document are all there are.",
    "421": "The name it was asked by is not one of the dashboard's.",
    "503": "The database cannot be used at the moment.",
}
_OF_LOGIN: Final = {
    "401": "The token is missing or wrong.",
    "429": "Too many wrong tokens came from your address.",
}
_RETRY: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_HEADERS: Final[Mapping[str, Part]] = {
    "401": {"WWW-Authenticate": {"description": "Bearer", "schema": _TEXT}},
    "429": _RETRY,
    "503": _RETRY,
}
_BESIDE: Final[Part] = {
    CAVEAT: {
        "description": "What the rows cannot tell, in a line; the same as `harvester trend` says.",
        "schema": _TEXT,
    },
    "Link": {
        "description": "Where there are notes that belong to the answer, their address here.",
        "schema": _TEXT,
    },
}


def answer(request: Request) -> Response:
    """Describe the API."""
    told = described(has_login=site_of(request).has_login)
    return Response(json.dumps(told, indent=1), media_type="application/json")


def described(*, has_login: bool) -> Part:
    """Describe every path, and the token where one is needed."""
    troubles = _TROUBLES | (_OF_LOGIN if has_login else {})
    bearer: Part = {"token": {"type": "http", "scheme": "bearer"}} if has_login else {}
    responses = {code: _trouble(code, why) for code, why in troubles.items()}
    answered = {code: {"$ref": f"#/components/responses/{code}"} for code in sorted(troubles)}
    gets = {f"/api/trends/{name}": _trend(trend) for name, trend in TRENDS.items()} | _others()
    for get in gets.values():
        get["responses"] |= answered
    return {
        "openapi": "3.1.0",
        "info": {"title": "ra-harvester", "version": __version__},
        "servers": [{"url": "/"}],
        "security": [{"token": []}] if has_login else [],
        "paths": {path: {"get": get} for path, get in gets.items()},
        "components": {
            "securitySchemes": bearer,
            "responses": responses,
            "schemas": {"Trouble": _TROUBLE},
        },
    }


_TROUBLE: Final[Part] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _TEXT | {"description": "what is wrong, in a line"}},
    "additionalProperties": False,
}


def _trouble(code: str, why: str) -> Part:
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Trouble"}}}
    headers = {"headers": _HEADERS[code]} if code in _HEADERS else {}
    return {"description": why, "content": body, **headers}


def _get(name: str, told: str, parameters: Iterable[Part], row: Part) -> Part:
    form = _TEXT | {"enum": list(FORMATS), "default": "json"}
    rows: Part = {"type": "array", "items": row}
    kinds = {
        kind.partition(";")[0]: rows if own == "json" else _TEXT for own, kind in FORMATS.items()
    }
    content = {kind: {"schema": schema} for kind, schema in kinds.items()}
    return {
        "operationId": name,
        "summary": told,
        "parameters": [*parameters, _parameter("format", "How rows are written.", form)],
        "responses": {"200": {"description": "The rows.", "content": content}},
    }


# --- rows ------------------------------------------------------------------------------


def _row(columns: Meanings, unasked: Collection[str] = ()) -> Part:
    return {
        "type": "object",
        "properties": {name: _column(meaning) for name, meaning in columns.items()},
        "required": [name for name in columns if name not in unasked],
        "additionalProperties": False,
    }


def _column(meaning: Meaning) -> Part:
    made = dict(_TYPES[meaning.kind]) | {"description": meaning.words}
    nothing = [None] if meaning.is_nullable else []
    if meaning.choices:
        made["enum"] = [*meaning.choices, *nothing]
    if meaning.is_nullable:
        own = made["type"]
        made["type"] = [*(own if isinstance(own, list) else [own]), "null"]
    return made


# --- parameters ------------------------------------------------------------------------


def _parameter(name: str, told: str, schema: Part, *, is_needed: bool = False) -> Part:
    needed = {"required": True} if is_needed else {}
    return {"name": name, "in": "query", "description": told, "schema": schema} | needed


def _key(name: str, *, is_needed: bool = False) -> Part:
    an_id = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    one = _TEXT if name in {"user", "developer"} else an_id
    schema = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_KEYS}
    return _parameter(name, _KEYS[name], schema, is_needed=is_needed) | {"explode": True}


def _period(*names: str, more: str = "") -> list[Part]:
    words = _PERIOD | {"zone": _PERIOD["zone"] + more}
    return [
        _parameter(name, words[name], _TEXT | ({"default": own} if own else {}))
        for name in names
        for own in [DEFAULTS.get(name)]
    ]


def _count(name: str, told: str, usual: int) -> Part:
    return _parameter(name, told, {"type": "integer", "minimum": 1, "default": usual})


# --- paths -----------------------------------------------------------------------------


def _trend(trend: Trend) -> Part:
    is_sure = len(trend.needs) == 1
    keys = [_key(name, is_needed=is_sure and name in trend.needs) for name in trend.keys]
    row = _row(meanings.of_trend(trend), meanings.unasked(trend))
    made = _get(f"trend-{trend.name}", trend.help, [*keys, *_period(*_PERIOD, more=_CLOCK)], row)
    needed = " or ".join(f"`{name}`" for name in trend.needs)
    made["description"] = f"Needs {needed}; without, the answer is 400."
    made["responses"]["200"]["headers"] = _BESIDE
    return made


def _others() -> dict[str, Part]:
    """Describe what is no trend; all its times are UTC."""
    ends = _period("since", "until", "zone")
    limit = f"How many rows at most; never more than {MOST:,}."
    cut = [_count("limit", limit, PAGE), _count("page", "Which of so many rows, from 1.", 1)]
    return {
        "/api/top": _get(
            "top", "What changed most over a period.", [*_ranking(limit), *ends], _RANKED
        ),
        "/api/watchlist": _get(
            "watchlist", "The watched games as they stand now.", cut, _row(meanings.WATCHLIST)
        ),
        "/api/coverage": _get("coverage", "How every job is doing.", [], _row(meanings.JOBS)),
        "/api/gaps": _get("gaps", _GAPS, [_key("game"), *ends], _row(meanings.GAPS)),
        "/api/notes": _get(
            "notes",
            "Dated remarks on the data: when a number began to mean something else.",
            [*_noted(), *_ends_of_notes()],
            _row(meanings.NOTES),
        ),
    }


_RANKED: Final[Part] = {
    "anyOf": [_row(meanings.of_ranking(one)) | {"title": one.name} for one in RANKINGS.values()]
}


def _ranking(limit: str) -> list[Part]:
    told = "; ".join(f"{one.name}: {one.help}" for one in RANKINGS.values())
    names = _parameter("ranking", told, _TEXT | {"enum": list(RANKINGS)}, is_needed=True)
    return [names, _count("limit", limit, FEW)]


def _noted() -> list[Part]:
    """Describe what notes are asked for by: nothing, for all of them, or what they are about."""
    trend = "Those that belong to an answer of this trend; takes and needs the keys that it does."
    job = "Those on a job; may be repeated. Does not go with trend."
    jobs = {"type": "array", "items": _TEXT | {"enum": list(ENDPOINTS)}}
    return [
        *(_key(name) for name in KEYS),
        _parameter("trend", trend, _TEXT | {"enum": list(TRENDS)}),
        _parameter("job", job, jobs) | {"explode": True},
    ]


def _ends_of_notes() -> list[Part]:
    told = ("since", "until", "zone")
    return [_parameter(name, _PERIOD[name].partition("; never")[0], _TEXT) for name in told]
