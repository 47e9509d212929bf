"""The rules of the house, held against the house, and against houses that break them."""

import ast
import re
from pathlib import Path

import pytest
from floors import PACKAGE, Modules, complaints, floors_of, modules_in, place_of

ROOT = Path(__file__).parents[1]
FLOORS = floors_of((ROOT / "CONTRIBUTING.md").read_text())

# Known exceptions, each with its reason; one that is no longer needed fails below.
ALLOWED = {
    "cli/root imports by name, which no test can follow": "commands are loaded when called",
}


def house(**sources: str) -> Modules:
    """Build a house that keeps all rules, but for these modules ("store__db" is store/db)."""
    fine = {"cli/main": "import click", "clock": "", "errors": "", "store/schema": "", "demo": ""}
    broken = {name.replace("__", "/"): source for name, source in sources.items()}
    return {name: ast.parse(source) for name, source in {**fine, **broken}.items()}


@pytest.fixture(scope="module")
def found() -> list[str]:
    """Hold the rules against the house."""
    return complaints(modules_in(ROOT / PACKAGE), FLOORS)


def test_the_house_keeps_its_rules(found: list[str]) -> None:
    assert [complaint for complaint in found if complaint not in ALLOWED] == []


def test_no_exception_outlives_its_reason(found: list[str]) -> None:
    assert [allowed for allowed in ALLOWED if allowed not in found] == []


def test_a_house_that_keeps_all_rules_gives_no_complaint() -> None:
    assert complaints(house(), FLOORS) == []


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("store__db", "from harvester.store import schema", "imports store/schema, which is above"),
        ("store__db", "import harvester.store.schema", "imports store/schema, which is above"),
        ("store__db", "from . import schema", "imports store/schema, which is above"),
        ("store__db", "from .schema import polls", "imports store/schema, which is above"),
        ("store__db", "from ..cli.main import main", "imports cli/main, which is above"),
        ("clock", "def now():\n  from harvester import errors, demo", "imports demo, which is abo"),
        ("api__client", "from harvester.store.db import connect", "in another wing"),
        ("api__client", "if TYPE_CHECKING:\n  from harvester.store import db", "in another wing"),
        ("attic", "", "attic has no place on the map"),
        ("sandbox__world", "from harvester.text import one_line", "the sandbox is RA, not us"),
        ("daemon", "from harvester.sandbox import world", "only the demo may know the sandbox"),
        ("harvest", "import requests", "harvest imports requests, which only api/client may"),
        ("harvest", "from requests.adapters import X", "which only api/client may"),
        ("app", "from apscheduler.triggers.cron import CronTrigger", "which only daemon may"),
        ("harvest", "from sqlalchemy import Engine, select", "imports sqlalchemy.select: SQL is"),
        ("harvest", "import sqlalchemy as sa", "harvest imports sqlalchemy: SQL is written under"),
        ("app", "from datetime import datetime\ndatetime.now()", "reads datetime.datetime.now"),
        (
            "app",
            "from datetime import datetime as d\nf = d.utcnow",
            "reads datetime.datetime.utcnow",
        ),
        ("app", "import datetime as dt\ndt.date.today()", "app reads datetime.date.today"),
        ("app", "import time\ntime.time()", "app reads time.time: only clock may"),
        ("app", "from time import time\ntime()", "app reads time.time: only clock may"),
        ("app", "import importlib\nimportlib.import_module('x')", "app imports by name"),
        ("store__utils", "", "store/utils says nothing about what is in it"),
        ("cli__helpers", "", "cli/helpers says nothing about what is in it"),
    ],
)
def test_a_broken_rule_is_noticed(name: str, source: str, complaint: str) -> None:
    whole = {"store__db": "", "sandbox__world": "", "text": "", name: source}

    (found,) = complaints(house(**whole), FLOORS)

    assert complaint in found


def test_a_circle_is_noticed_and_named() -> None:
    circle = house(
        store__users="from harvester.store import merge",
        store__merge="def f():\n  from harvester.store import history",
        store__history="from harvester.store.users import find",
        store__polls="from harvester.store import users",
    )

    expected = "store/history, store/merge, store/users import each other in a circle"
    assert complaints(circle, FLOORS) == [expected]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("store__users", "from harvester.store import history\nfrom harvester.store import schema"),
        ("harvest", "from sqlalchemy import Connection, Engine\nfrom sqlalchemy.exc import X"),
        ("clock", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
        ("app", "import time\ntime.monotonic()"),
        ("app", "def f(client):\n  return client.datetime.now, client().time.time"),
        ("demo", "from harvester.sandbox.world import World"),
        ("api__client", "import requests, urllib3.exceptions"),
    ],
)
def test_what_is_allowed_gives_no_complaint(name: str, source: str) -> None:
    whole = {"store__history": "", "sandbox__world": "", name: source}

    assert complaints(house(**whole), FLOORS) == []


def test_the_map_has_the_floors_of_the_design_in_order() -> None:
    down = [
        ("cli/main", "daemon"),
        ("app", "harvest"),
        ("watchlist", "endpoints/__init__"),
        ("endpoints/__init__", "endpoints/unlocks"),
        ("endpoints/unlocks", "endpoints/base"),
        ("endpoints/base", "store/history"),
        ("store/history", "store/schema"),
        ("store/schema", "store/db"),
        ("api/client", "errors"),
    ]
    for upper, lower in down:
        above, below = place_of(upper, FLOORS), place_of(lower, FLOORS)
        assert above is not None
        assert below is not None
        assert above[0] < below[0]


def test_every_module_of_the_house_is_looked_at() -> None:
    files = {path.relative_to(ROOT / PACKAGE) for path in (ROOT / PACKAGE).rglob("*.py")}
    names = {re.sub(r"\.py$", "", path.as_posix()) for path in files}

    assert modules_in(ROOT / PACKAGE).keys() == names
