"""The benchmarks, at a tiny size and with nothing timed: rows are checked, tables come out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import contest, dashboard, database, document, process, tables
from benchmarks.contest import CHANGED, COLD, FLOOR, HARVESTER, ROUNDS, STILL, Arena, Results
from benchmarks.growth import Grown
from benchmarks.process import Cost
from benchmarks.site import Site, serving
from benchmarks.targets import Measured, Target, targets
from benchmarks.world import Size

pytestmark = pytest.mark.no_cover  # what it does at length is measured elsewhere
ROOT = Path(__file__).parents[1]
TINY = Size(games=1, achievements=2, unlocks=600, players=1_500)
ONE = "(achievement_id, ulid) IN (SELECT achievement_id, ulid FROM unlocks LIMIT 1)"
ABSENT = replace(FLOOR, name="somebody", needs="no_such_module")
FAILING = replace(
    FLOOR, name="somebody else", command=lambda *_: ["/bin/sh", "-c", "echo oh; exit 3"]
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving(TINY) as started:
        yield started


@pytest.fixture(scope="module")
def results(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Let the harvester, the floor and two who cannot play all rounds once."""
    folder = tmp_path_factory.mktemp("rounds")
    played = contest.compete(site, folder, (HARVESTER, FLOOR, ABSENT, FAILING), 1)
    return {(name, kind): turns for name, kind, turns in played}


@pytest.fixture
def arena(site: Site, tmp_path: Path) -> Arena:
    """Let the floor read everything there is at the start."""
    site.reset()
    own = Arena(tmp_path, site)
    process.run(FLOOR.command(own, COLD), own.log)
    return own


@pytest.mark.parametrize("kind", ROUNDS)
@pytest.mark.parametrize("contender", [HARVESTER, FLOOR], ids=lambda own: own.name)
def test_the_rows_of_every_round_are_those_of_the_server(
    results: Results, contender: contest.Contender, kind: str
) -> None:
    turns = results[contender.name, kind]

    assert turns.trouble == ""
    assert turns.counts


def test_the_harvester_asks_for_no_list_whose_counters_stand_still(results: Results) -> None:
    assert results[HARVESTER.name, COLD].asked_for("unlocks") == 4
    assert results[HARVESTER.name, STILL].asked_for("unlocks") == 0
    assert results[HARVESTER.name, CHANGED].asked_for("unlocks first") == 1


def test_who_is_not_installed_says_so_in_the_table(results: Results, site: Site) -> None:
    told = tables.report(Measured(TINY, site.truth(), 1, results))

    assert results[ABSENT.name, COLD].trouble == "not installed: no_such_module"
    assert "no figure" in told
    assert "| ra-harvester |" in told


def test_who_fails_says_how_in_place_of_figures(results: Results) -> None:
    assert results[FAILING.name, COLD].trouble == "failed, exit 3: oh"
    assert not results[FAILING.name, COLD].counts


@pytest.mark.parametrize(
    "wrong",
    [
        f"UPDATE unlocks SET is_hardcore = 1 - is_hardcore WHERE {ONE}",
        f"UPDATE unlocks SET date = '2001-01-01T00:00:00.000000Z' WHERE {ONE}",
        f"DELETE FROM unlocks WHERE {ONE}",
    ],
)
def test_one_wrong_row_is_enough_for_a_figure_not_to_count(arena: Arena, wrong: str) -> None:
    truth = arena.site.truth()
    assert database.differs(arena.database, FLOOR.rows, truth) == ""
    with closing(sqlite3.connect(arena.database)) as db, db:
        db.execute(wrong)

    assert database.differs(arena.database, FLOOR.rows, truth).startswith("wrong rows")


def test_a_step_of_the_world_can_be_taken_back(site: Site) -> None:
    site.reset()
    before = site.truth()

    assert site.advance(0.5) == 1
    assert site.truth().rows == before.rows + 5
    site.reset()
    assert site.truth() == before


def test_the_log_is_forgotten_once_it_is_told(arena: Arena) -> None:
    told = arena.site.log()

    assert told.requests == {
        "progress": 1,
        "tickets counted": 1,
        "distribution": 2,
        "unlocks first": 2,
        "unlocks further": 2,
    }
    assert told.bytes > 100_000
    assert arena.site.log().total == 0


def test_a_number_is_reached_only_where_there_is_a_figure(results: Results, site: Site) -> None:
    reached = {one.what: one for one in targets(Measured(TINY, site.truth(), 1, results))}

    assert reached["unlock pages, cold"].is_reached
    assert not reached["CPU, cold, against dlt"].is_reached
    assert Target("all", 2.0, 2.0).is_reached
    assert not Target("all", 2.0, 2.1).is_reached


def test_a_page_that_is_refused_is_no_page(site: Site) -> None:
    place = site.base_url.split("/")[2]

    with pytest.raises(AssertionError, match="/nowhere: 404"):
        dashboard.ask(place, [lambda _: "/nowhere"], 0.01)


@pytest.mark.parametrize(("small", "large"), [(1.0, -1.0), (-1.0, 1.0), (-2.0, -1.0), (0.0, 1.0)])
def test_a_poll_that_seems_to_cost_nothing_is_no_figure(
    site: Site, arena: Arena, small: float, large: float
) -> None:
    grown = [_grown(arena, rows, cost) for rows, cost in ((10, small), (100, large))]

    told = targets(Measured(TINY, site.truth(), 1, {}, grown=grown))

    polls = [one for one in told if one.unit == "×" and one.at_most == 1.3][-2:]
    assert [one.measured for one in polls] == [None, None]
    assert not any(one.is_reached for one in polls)


def _grown(arena: Arena, rows: int, cost: float) -> Grown:
    still, changed = Cost(3.0, 3.0, 1), Cost(3.0 + cost, 3.0 + cost, 1)
    return Grown(arena, rows, 1, moved=1, still=[still], changed=[changed])


def test_what_fails_the_check_has_no_figure(site: Site) -> None:
    turns = contest.Turns([Cost(1.0, 1.0, 1)], [], [], "wrong rows: 1 of 2")
    told = tables.report(Measured(TINY, site.truth(), 1, {(FLOOR.name, COLD): turns}))

    assert "| floor: wrong rows: 1 of 2 |" in told
    assert "1.00" not in told


@pytest.mark.parametrize("name", ["measured", "questions", "dashboard"])
def test_the_document_keeps_its_words_around_the_marked_part(tmp_path: Path, name: str) -> None:
    written = (ROOT / "docs/performance.md").read_text()
    path = tmp_path / "performance.md"
    path.write_text(written)

    document.rewrite(path, name, "measured anew\n")

    before, after = path.read_text().split("\nmeasured anew\n\n")
    assert before.endswith(f"<!-- {name}: begin -->\n")
    assert after.startswith(f"<!-- {name}: end -->")
    assert written.startswith(before)
    assert written.endswith(after)
    assert "measured anew" not in written


def test_a_document_without_the_marks_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("# Nothing here\n")

    with pytest.raises(AssertionError, match="has no marks for questions"):
        document.rewrite(path, "questions", "measured anew\n")

    assert path.read_text() == "# Nothing here\n"
