"""The pages that are made: each is what it would be if it were made now, on both databases.

Their queries are asked of the same simulated weeks in SQLite and in PostgreSQL.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT
from sqlalchemy import Connection, Engine, select
from worlds import NOW, empty_postgres

from docs import __main__ as made
from docs import cookbook, schema_page, world
from docs.answers import answer, asked
from docs.cookbook import Recipe
from harvester.store import db, migrate, schema, top, trends
from harvester.store.series import parse_every
from harvester.store.views import VIEWS

PAGE = cookbook.PAGE.read_text()
RECIPES = list(cookbook.recipes(PAGE))
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = BEGAN + timedelta(days=world.DAYS)
pytestmark = [
    pytest.mark.xdist_group("pages"),  # the weeks are simulated once
    pytest.mark.no_cover,  # what it does at length is measured elsewhere
]


@pytest.fixture(scope="session")
def weeks_url(weeks_file: Path, postgres: str) -> str:
    """Copy the weeks into a PostgreSQL database; yield its URL."""
    url = empty_postgres(postgres)
    source, copy = db.connect(f"sqlite:///{weeks_file}"), db.connect(url)
    migrate.upgrade(copy, now=NOW)
    with source.connect() as old, copy.begin() as new:
        new.execute(schema.discontinuities.delete())
        for table in schema.metadata.sorted_tables:
            rows = [dict(row) for row in old.execute(select(table)).mappings()]
            if rows:
                new.execute(table.insert(), rows)
    source.dispose()
    copy.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def weeks(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Yield the simulated weeks, once in each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('weeks_file')}"
    else:
        url = request.getfixturevalue("weeks_url")
    engine: Engine = db.connect(url, is_read_only=True)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def recipe(words: str) -> Recipe:
    (found,) = (one for one in RECIPES if words in one.question)
    return found


def answers(conn: Connection, words: str) -> list[dict[str, Any]]:
    return list(asked(conn, recipe(words).query(conn.dialect.name)))


# --- they are as they would be made now ----------------------------------------------------------


def test_the_page_of_the_schema_is_current_on_both_databases(weeks: Connection) -> None:
    assert schema_page.page(weeks) == (ROOT / "docs" / "schema.md").read_text(), "run `make docs`"


@pytest.mark.parametrize("one", RECIPES, ids=lambda one: one.question)
def test_a_recipe_gives_the_answer_that_is_shown(one: Recipe, weeks: Connection) -> None:
    assert answer(weeks, one.query(weeks.dialect.name)) == one.shown, "run `make docs`"


def test_making_a_page_changes_only_its_answers(weeks: Connection) -> None:
    forgotten = re.sub(r"```text\n.*?```", "```text\n```", PAGE, flags=re.DOTALL)

    assert forgotten != PAGE
    assert cookbook.answered(forgotten, weeks) == PAGE


def test_the_chore_writes_both_pages(
    tmp_path: Path, weeks_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "cookbook.md"
    page.write_text(PAGE)
    monkeypatch.setattr(made, "HERE", tmp_path)
    monkeypatch.setattr(cookbook, "PAGE", page)
    monkeypatch.setattr(world, "harvested", lambda path: path.write_bytes(weeks_file.read_bytes()))

    made.main()

    assert page.read_text() == PAGE
    assert (tmp_path / "schema.md").read_text() == (ROOT / "docs" / "schema.md").read_text()


# --- what is in them -----------------------------------------------------------------------------


def test_every_recipe_has_a_question_a_query_and_an_answer() -> None:
    assert len(RECIPES) >= 25
    assert len({one.question for one in RECIPES}) == len(RECIPES) == PAGE.count("\n### ")
    for one in RECIPES:
        assert one.question.endswith("?")
        assert set(one.queries) in ({""}, {"sqlite", "postgresql"})
        assert len(one.shown.splitlines()) > 2, one.question  # more than a header


def test_every_view_has_an_example_with_an_answer(weeks: Connection) -> None:
    for view in VIEWS.values():
        assert view.question.endswith("?")
        assert view.name in view.example
        assert asked(weeks, view.example), view.name


def test_every_table_and_column_is_explained() -> None:
    page = (ROOT / "docs" / "schema.md").read_text()
    for table in schema.metadata.tables.values():
        assert f"#### `{table.name}`" in page
        assert f"    {table.name} {{" in page
        assert all(column.doc for column in table.c), table.name
    assert "None" not in page


def test_every_reference_is_a_line_of_the_diagram() -> None:
    drawn = re.findall(
        r'^    (\w+) \|\|--o\{ (\w+) : "(\w+)"$',
        (ROOT / "docs" / "schema.md").read_text(),
        re.MULTILINE,
    )
    there = [
        (key.column.table.name, table.name, column.name)
        for table in schema.metadata.tables.values()
        for column in table.c
        for key in column.foreign_keys
    ]
    assert sorted(drawn) == sorted(there)


# --- and that the answers are right --------------------------------------------------------------


def test_mastery_is_that_of_the_trend(weeks: Connection) -> None:
    rows = trend(weeks, "mastery", games=[1])
    changes = answers(weeks, "How did mastery move")

    observed = [row for row in rows if row["is_observed"]]
    assert len(observed) < len(rows)  # there were days on which nobody looked
    for row in observed:
        then = [one for one in changes if one["time"] <= f"{row['time']:%Y-%m-%d %H:%M:%S}"]
        assert (row["achievements"], row["mastered"]) == (
            then[-1]["achievements"],
            then[-1]["mastered"],
        )


def test_rarity_is_that_of_the_trend(weeks: Connection) -> None:
    last = [row for row in trend(weeks, "rarity", games=[1, 2, 3]) if row["time"] == ENDED]
    held = "valid_to IS NULL AND is_promoted"
    now = asked(weeks, f"SELECT achievement_id, rarity FROM v_rarity WHERE {held}")

    told = {row["achievement_id"]: row["rarity"] for row in last if row["rarity"] is not None}
    assert {row["achievement_id"]: row["rarity"] for row in now} == pytest.approx(told)


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("mastery", "mastered", "game_id"),
        ("players", "players", "game_id"),
        ("unlocks", "unlocks", "achievement_id"),
        ("rarity", "rarity", "achievement_id"),
    ],
)
def test_a_ranking_goes_by_what_the_trend_tells_of_both_ends(
    name: str, value: str, key: str, weeks: Connection
) -> None:
    since = BEGAN + timedelta(days=5)
    ranked = top.ranked(weeks, name, since=since, until=ENDED, limit=1000)
    told = {(row[key], row["time"]): row[value] for row in trend(weeks, name, games=[1, 2, 3])}

    left = schema.achievements.c.is_promoted.is_(False)  # the trend does not follow them
    gone = set(weeks.scalars(select(schema.achievements.c.id).where(left)))
    for row in ranked:
        own, values = row[key], (row["before"], row["after"])
        ends = [told[own, at] for at in (since, ENDED)]
        assert (None in ends) == (not row["is_whole"] or (key == "achievement_id" and own in gone))
        assert None in ends or values == pytest.approx(ends)
    assert sum(row["is_whole"] for row in ranked) > 1


def test_unlocks_per_week_are_those_of_the_trend(weeks: Connection) -> None:
    asked_for = {"games": [1], "since": datetime(2025, 12, 29, tzinfo=UTC), "every": "1w"}
    counted: dict[str, int] = {}
    for row in trend(weeks, "unlock-rate", **asked_for):
        monday = row["time"] - timedelta(seconds=1)
        week = f"{monday - timedelta(days=monday.weekday()):%Y-%m-%d}"
        counted[week] = counted.get(week, 0) + (row["unlocks"] or 0)

    weekly = {row["week"]: row["unlocks"] for row in answers(weeks, "unlocked per week")}
    assert weekly == {week: count for week, count in counted.items() if count}


def test_the_first_to_master_is_who_did_it_in_these_weeks(weeks: Connection) -> None:
    (first,) = answers(weeks, "Who was first to master a game")
    (award,) = answers(weeks, "Who mastered a game this month")

    assert (first["user"], first["mastered_at"]) == ("Mira", award["award_at"])


def test_the_days_on_which_nobody_looked_are_found(weeks: Connection) -> None:
    nobody = world.NOBODY_LOOKS
    last, hours = BEGAN + timedelta(days=nobody.start - 1), 24 * (len(nobody) + 1)
    for row in answers(weeks, "When did nobody look"):
        assert (row["since"], row["hours"]) == (f"{last:%Y-%m-%d %H:%M:%S}", hours)


def test_the_revision_and_the_remark_on_it_are_told(weeks: Connection) -> None:
    revised = answers(weeks, "What was revised in my set")
    remarks = answers(weeks, "What has to be known")

    assert ("Beat boss 1", "Clear it all") in [(row["old"], row["new"]) for row in revised]
    assert ("1", "50") in [(row["old"], row["new"]) for row in revised]
    assert "set revised" in [row["title"] for row in remarks]


def trend(conn: Connection, name: str, **asked_for: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Ask a trend, daily over the weeks unless said otherwise."""
    every = parse_every(asked_for.pop("every", "1d"))
    since = asked_for.pop("since", BEGAN)
    return trends.answer(conn, name, since=since, until=ENDED, every=every, **asked_for).rows
