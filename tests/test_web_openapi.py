"""The description of the API, held against a validator, and real answers held against it."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from dashboards import WATCH, Dashboard, inhabit, live_and_harvest
from harvests import STILL, fetch
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from worlds import NOW, Bench

from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store.top import RANKINGS
from harvester.store.trends import TRENDS
from harvester.web import openapi
from harvester.web.security import Door

TOKEN = "correct horse battery staple"
KEYS = {"game": "game=1", "achievement": "achievement=14", "user": "user=Ann",
        "developer": "developer=Dev"}  # fmt: skip
TOLD = openapi.described(has_login=True)
BEFORE = "2026-02-01"  # a month before anybody looked
Json = dict[str, Any]

checker = FormatChecker(formats=())


def is_instant(value: object) -> bool:
    """Hold a text against RFC 3339, in UTC and to the second."""
    if isinstance(value, str):
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    return True


checker.checks("date-time", ValueError)(is_instant)


@pytest.fixture(scope="module")
def stirred(tmp_path_factory: pytest.TempPathFactory) -> Dashboard:
    """Harvest a world in which everything moves that is ranked."""
    folder, world = tmp_path_factory.mktemp("stirred"), World(now=NOW)
    world.add_console(1, "Genesis/Mega Drive")
    inhabit(world)
    url = f"sqlite:///{folder}/harvester.db"
    with serve(world) as base_url:
        bench = Bench(world, folder / "config.toml", base_url)
        bench.configure(WATCH, api=STILL, database=url)
        live_and_harvest(bench)
        stir(world)
        fetch(bench, is_all=True)
    return Dashboard(url, world.now)


def stir(world: World) -> None:
    """Let somebody master a set, and report what is wrong with it; let another set grow."""
    world.add_achievement(1, "Deed 5", id=15)
    ann = next(user.ulid for user in world.people if user.name == "Ann")
    for achievement in range(21, 25):
        world.unlock(ann, achievement, at=world.now)
        world.open_ticket(achievement, ann, reported_at=world.now)
    world.advance(hours=24)


def schema_of(path: str) -> Json:
    content = TOLD["paths"][path]["get"]["responses"]["200"]["content"]
    found: Json = content["application/json"]["schema"]
    return found


def validator_of(path: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(path), format_checker=checker)


def questions() -> Iterator[str]:
    """Put a question to every path, and several to those whose rows differ."""
    for name, trend in TRENDS.items():
        for key in trend.needs:
            yield f"/api/trends/{name}?{KEYS[key]}&since={BEFORE}"
    yield f"/api/trends/ticket-flow?game=1&developer=Dev&since={BEFORE}"
    yield from (f"/api/top?ranking={name}&since=7d" for name in RANKINGS)
    yield from ("/api/watchlist", "/api/coverage", "/api/gaps?since=90d", "/api/gaps?game=1")
    yield "/api/notes"


QUESTIONS = tuple(questions())


@pytest.mark.parametrize("has_login", [True, False])
def test_the_description_is_openapi(*, has_login: bool) -> None:
    told = json.loads(json.dumps(openapi.described(has_login=has_login)))

    assert [str(one) for one in OpenAPIV31SpecValidator(told).iter_errors()] == []


def test_a_description_that_is_none_is_noticed() -> None:
    broken = json.loads(json.dumps(TOLD))
    del broken["components"]["responses"]["400"]["description"]

    assert [*OpenAPIV31SpecValidator(broken).iter_errors()]


def test_every_path_is_asked_something() -> None:
    assert {place.partition("?")[0] for place in QUESTIONS} == set(TOLD["paths"])


@pytest.mark.parametrize("place", QUESTIONS)
def test_answers_keep_to_the_description(stirred: Dashboard, place: str) -> None:
    rows = stirred.ask(place).json()

    assert rows
    validator_of(place.partition("?")[0]).validate(rows)


@pytest.mark.parametrize("name", TRENDS)
def test_there_are_nulls_among_the_answers(stirred: Dashboard, name: str) -> None:
    places = [place for place in QUESTIONS if place.startswith(f"/api/trends/{name}?")]

    rows = [row for place in places for row in stirred.ask(place).json()]

    values = {value for row in rows for value in map(row.get, TRENDS[name].values)}
    assert None in values
    assert values - {None}


WRONG = {  # what stands for a value of each type
    "string": 7,
    "integer": 0.5,
    "number": "0.5",
    "boolean": "true",
}


@pytest.mark.parametrize("place", QUESTIONS)
def test_an_answer_of_a_wrong_type_does_not_keep_to_the_description(
    stirred: Dashboard, place: str
) -> None:
    path = place.partition("?")[0]
    row, validator = stirred.ask(place).json()[0], validator_of(path)
    for name in row:
        for wrong in _wrong(path, name):
            assert not validator.is_valid([{**row, name: wrong}]), (name, wrong)
        lacking = {key: value for key, value in row.items() if key != name}
        assert validator.is_valid([lacking]) is _may_lack(path, row, name), name
    assert not validator.is_valid([{**row, "more": 1}])
    assert not validator.is_valid({"rows": [row]})


def _may_lack(path: str, row: Json, name: str) -> bool:
    """Whether what is left is a row all the same: a player's progress without him is a game's."""
    if path.endswith("/ticket-flow"):
        return name in {"game_id", "game", "developer"}
    return path == "/api/top" and name == "user" and "game" in row


def _wrong(path: str, name: str) -> Iterator[object]:
    """Think up values that a column cannot hold."""
    items = schema_of(path)["items"]
    told = [one["properties"].get(name, {}) for one in items.get("anyOf", [items])]
    kinds = {kind for one in told for kind in _kinds(one)}
    yield from ([], {})
    yield from ([None] if "null" not in kinds else [])
    yield from (wrong for kind, wrong in WRONG.items() if kinds - {"null"} == {kind})
    yield from (
        ["yesterday"] if any({"format", "pattern", "enum"} & set(one) for one in told) else []
    )


def _kinds(schema: Json) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def test_a_time_without_its_zone_is_no_instant(dashboard: Dashboard) -> None:
    (row, *_) = dashboard.ask("/api/trends/players?game=1&since=1d").json()

    with pytest.raises(ValidationError, match="is not a 'date-time'"):
        validator_of("/api/trends/players").validate([{**row, "time": "2026-03-01 12:00:00"}])


def test_every_column_says_what_it_holds() -> None:
    for path in TOLD["paths"]:
        items = schema_of(path)["items"]
        for row in items.get("anyOf", [items]):
            for name, column in row["properties"].items():
                assert column["type"], (path, name)
                assert len(column["description"]) > 5, (path, name)


@pytest.mark.parametrize("name", TRENDS)
def test_the_keys_that_a_trend_needs_are_marked(dashboard: Dashboard, name: str) -> None:
    trend, told = TRENDS[name], TOLD["paths"][f"/api/trends/{name}"]["get"]
    required = {one["name"] for one in told["parameters"] if one.get("required")}

    assert required == (set(trend.needs) if len(trend.needs) == 1 else set())
    assert all(f"`{key}`" in told["description"] for key in trend.needs)
    refused = dashboard.ask(f"/api/trends/{name}")
    assert refused.status_code == 400
    _holds(refused.status_code, refused.json())


@pytest.mark.parametrize(
    ("status", "place", "headers"),
    [
        (401, "/api/watchlist", {"authorization": "Bearer wrong wrong wrong"}),
        (421, "/api/watchlist", {"host": "evil.example"}),
        (403, "/api/watchlist", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}),
        (404, "/api/trends/playrs", {"authorization": f"Bearer {TOKEN}"}),
        (404, "/api/nothing", {"authorization": f"Bearer {TOKEN}"}),
        (400, "/api/top?ranking=x", {"authorization": f"Bearer {TOKEN}"}),
    ],
)
def test_what_goes_wrong_is_answered_as_described(
    dashboard: Dashboard, status: int, place: str, headers: dict[str, str]
) -> None:
    answer = dashboard.but(door=Door(token=TOKEN)).ask(place, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    _holds(status, answer.json())


def _holds(status: int, body: object) -> None:
    """Hold an error against the description of its status."""
    told = TOLD["components"]["responses"][str(status)]
    assert told["content"]["application/json"]["schema"]["$ref"].endswith("/Trouble")
    Draft202012Validator(TOLD["components"]["schemas"]["Trouble"]).validate(body)
    for own in TOLD["paths"].values():
        assert own["get"]["responses"][str(status)]


def test_only_who_set_a_token_is_told_of_one() -> None:
    told = openapi.described(has_login=False)

    assert "401" in TOLD["components"]["responses"]
    assert "401" not in told["components"]["responses"]
    assert not re.search("bearer", json.dumps(told), re.IGNORECASE)


def test_the_headers_of_a_trend_are_described(dashboard: Dashboard) -> None:
    told = TOLD["paths"]["/api/trends/distribution"]["get"]["responses"]["200"]["headers"]
    answer = dashboard.ask(
        "/api/trends/distribution?game=1&since=2022-01-01&until=2025-01-01&every=1w"
    )

    assert set(told) == {"Harvester-Caveat", "Link"}
    assert all(name in answer.headers for name in told)
