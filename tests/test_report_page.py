"""`harvester report`: one file that stands alone, with what the trends say, whatever titles say."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import Shell
from looks import ALWAYS, RING, SONIC, STAR, at, looked, tell
from markup import Page
from sqlalchemy import Connection, Engine
from worlds import Bench

from harvester import demo, report
from harvester.report import figures
from harvester.report.content import Range
from harvester.sandbox.world import World
from harvester.store import db, notes, schema, top, trends
from harvester.store.series import Period

TITLE = "</style><script>alert('{{7*7}}')</script> \u202e & co"
DAYS = 6
pytestmark = pytest.mark.xdist_group("report")  # the demo runs once, not for every worker


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Yield the database of a short demo: three games, a player and a developer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "DAYS", DAYS)
        path = demo.run(tmp_path_factory.mktemp("demo")).path
    engine = db.connect(f"sqlite:///{path}", is_read_only=True)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def asked(weeks: Engine) -> Iterator[Range]:
    """Yield what is asked for a report of these days."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with weeks.connect() as conn:
        yield Range(conn, start, start + timedelta(days=DAYS), UTC)


@pytest.fixture(scope="module")
def written(asked: Range) -> Page:
    """Yield the report of these days."""
    return Page(report.page(asked.conn, since=asked.since, until=asked.until, zone=UTC))


def test_a_report_is_one_sound_page_without_script_or_reference_to_anything(written: Page) -> None:
    assert written.faults == []
    assert "script" not in written.tags
    assert {own for own in written.references if not own.startswith("#")} == set()
    assert not re.search(r"url\((?!#)|@import|javascript:|\son[a-z]+=", written.html)


def test_its_links_lead_somewhere_and_no_id_is_there_twice(written: Page) -> None:
    assert len(written.ids) == len(set(written.ids))
    assert {own.removeprefix("#") for own in written.references} <= set(written.ids)
    assert "url(" not in written.html  # no picture refers to a part of itself


def test_it_has_a_section_for_each_game_player_and_developer(written: Page, asked: Range) -> None:
    titles = [row.title for row in asked.conn.execute(schema.games.select())]
    headings = re.findall(r"<h3[^>]*>(.*?)</h3>", written.html)

    assert set(titles) < set(headings)
    assert len(headings) == len(titles) + 2
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", written.html) == [
        "Overview", "Games", "Players", "Developers", "Coverage",
    ]  # fmt: skip


def test_every_picture_says_what_it_is_and_has_its_numbers_below(written: Page) -> None:
    pictures = [own for _, own in written.elements if own.get("role") == "img"]

    assert len(pictures) == 3 * 4 + 2
    assert all("the numbers follow as a table" in (own["aria-label"] or "") for own in pictures)
    assert written.html.count("<summary>Numbers</summary>") == len(pictures)


def test_its_numbers_are_those_of_the_trends(written: Page, asked: Range) -> None:
    rows = trends.answer(
        asked.conn, "players", games=[1], since=asked.since, until=asked.until,
        every=Period(length=timedelta(days=1)),
    ).rows  # fmt: skip
    section = written.html.partition('id="game-1"')[2].partition("<h3")[0]
    table = section.partition("Players, ")[2].partition("</table>")[0]

    told = re.findall(r'<th scope="row">([\d-]+)</th><td>(\d+)</td>', table)

    assert told == [(f"{row['time']:%Y-%m-%d}", str(row["players"])) for row in reversed(rows)]


OVERVIEW = re.compile(
    r'<tr><th scope="row"><a href="#game-(\d+)">.*?</th>\s*<td>([^<]*)</td><td>([^<]*)</td>'
    r"<td>.*?</td>\s*<td>([^<]*)</td><td>([^<]*)</td>"
)


def overview(conn: Connection, since: datetime, until: datetime) -> dict[int, tuple[str, ...]]:
    """Read out of the report, by game: players, their change, tickets, their change."""
    html = report.page(conn, since=since, until=until, zone=UTC)
    return {int(game): tuple(cells) for game, *cells in OVERVIEW.findall(html)}


def a_list(conn: Connection, since: datetime, until: datetime) -> dict[int, tuple[str, ...]]:
    """Tell players and their change as `top players` does."""
    rows = top.ranked(conn, "players", since=since, until=until, limit=99)
    return {row["game_id"]: (str(row["after"]), f"{row['change']:+}") for row in rows}


@pytest.fixture(scope="module")
def pages(weeks_file: Path) -> Iterator[Connection]:
    """Yield the weeks of the documentation; they begin on the first of January."""
    engine = db.connect(f"sqlite:///{weeks_file}", is_read_only=True)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


@pytest.mark.parametrize("since", ["2026-01-01", "2025-12-20", "2025-10-01", "2024-01-01"])
def test_what_changed_is_what_top_says_whatever_the_periods_of_the_pictures(
    pages: Connection, since: str
) -> None:
    ends = datetime.fromisoformat(f"{since}T00:00Z"), datetime(2026, 2, 12, tzinfo=UTC)
    told = overview(pages, *ends)

    assert told.keys() == {1, 2, 3}
    assert {game: cells[:2] for game, cells in told.items()} == a_list(pages, *ends)


def test_what_changed_in_the_demo_is_what_top_says(asked: Range) -> None:
    told = overview(asked.conn, asked.since, asked.until)

    expected = a_list(asked.conn, asked.since, asked.until)
    assert {game: cells[:2] for game, cells in told.items()} == expected


def test_a_game_that_was_first_seen_in_the_range_is_counted_from_then(sonic: Connection) -> None:
    for days, count in ((1.1, 100), (1.9, 130), (4, 140)):
        tell(sonic, schema.game_counters, days, {"game_id": SONIC, "players": count})
    looked(sonic, "progress", (1.1, 6), game=SONIC)

    assert overview(sonic, at(0), at(5)) == {SONIC: ("140", "+40", "\N{EN DASH}", "\N{EN DASH}")}


def test_tickets_that_are_counted_and_not_listed_are_not_called_open(sonic: Connection) -> None:
    official = {"game_id": SONIC, "is_promoted": True}
    for days, count in ((-1, 7), (0.5, 9)):
        tell(sonic, schema.game_ticket_counts, days, {**official, "reported": count})
    looked(sonic, "game-tickets", ALWAYS, game=SONIC)

    assert overview(sonic, at(0), at(2))[SONIC][2:] == ("9 reported", "+2")


def test_then_and_now_are_the_ends_of_the_range_not_of_its_first_period(sonic: Connection) -> None:
    tell(sonic, schema.game_counters, -1, {"game_id": SONIC, "players": 100})
    for days, count in ((-1, 5), (0.5, 8), (1.5, 9)):
        rows = [{"achievement_id": own, "unlocks": count} for own in (RING, STAR)]
        tell(sonic, schema.achievement_counters, days, *rows)
    looked(sonic, "progress", ALWAYS, game=SONIC)
    html = report.page(sonic, since=at(0), until=at(2), zone=UTC)

    row = re.compile(r'<th scope="row">(\w+)</th><td>(\d+)</td><td>(\d+)</td><td>([+\d]+)</td>')
    assert row.findall(html) == [("Ring", "5", "9", "+4"), ("Star", "5", "9", "+4")]


def test_achievements_of_one_title_are_told_apart(sonic: Connection) -> None:
    titled = {"game_id": SONIC, "title": "Ring", "is_promoted": True}
    tell(sonic, schema.achievement_versions, 0, {"achievement_id": STAR, **titled}, fetch=1)
    rows = [{"achievement_id": own, "unlocks": count} for own, count in ((RING, 5), (STAR, 70))]
    tell(sonic, schema.achievement_counters, -1, *rows)
    looked(sonic, "progress", ALWAYS, game=SONIC)
    html = report.page(sonic, since=at(0), until=at(2), zone=UTC)

    row = re.compile(r'<th scope="row">Ring</th><td>(\d+)</td><td>(\d+)</td><td>(\d+)</td>')
    assert row.findall(html) == [("5", "5", "0"), ("70", "70", "0")]


def test_games_of_one_title_are_told_apart_in_the_overview_and_by_their_headings(
    conn: Connection,
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for own in (1, 2):
        conn.execute(schema.games.insert().values(id=own, title="Same", first_seen_at=start))
        poll = {
            "id": own, "job": "game-tickets", "target": f"game {own}", "game_id": own,
            "watched_from": start, "priority": 0, "schedule": "1h", "interval_seconds": 3600,
            "due_at": start,
        }  # fmt: skip
        conn.execute(schema.polls.insert().values(poll))

    html = report.page(conn, since=start, until=start + timedelta(days=3), zone=UTC)

    for own in (1, 2):
        assert f'<a href="#game-{own}">Same ({own})</a>' in html
        assert f'<h3 id="game-{own}">Same ({own})</h3>' in html


def test_dark_colours_take_the_place_of_light_ones_and_all_of_them_are_mapped(
    written: Page,
) -> None:
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', written.html))
    mapped = set(re.findall(r'figure svg \[fill="(#[0-9a-f]{6})"\]', written.html))

    assert used
    assert used <= mapped


def test_the_same_data_makes_the_same_page(written: Page, asked: Range) -> None:
    again = report.page(asked.conn, since=asked.since, until=asked.until, zone=UTC)

    assert again == written.html


def test_a_large_watchlist_is_whole_in_the_overview_and_bounded_below(
    asked: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.report.content.MOST_GAMES", 1)

    page = report.page(asked.conn, since=asked.since, until=asked.until, zone=UTC)

    assert page.count('role="img" aria-label="Tickets, ') == 2  # of one game, and of the developer
    assert len(re.findall(r'<tr><th scope="row">(<a [^>]*>)?\w+ \w+ \d+', page)) >= 3
    assert "The 1 games whose players" not in page
    assert "The game whose players and tickets moved most has a section below." in page


def test_periods_grow_with_the_range(asked: Range) -> None:
    def every(days: int) -> Period:
        return Range(asked.conn, asked.since, asked.since + timedelta(days=days), UTC).every

    assert every(30) == Period(length=timedelta(days=1))
    assert every(180) == Period(length=timedelta(weeks=1))
    assert every(3650) == Period(months=1)


def test_hostile_titles_stay_text(conn: Connection) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    conn.execute(schema.games.insert().values(id=1, title=TITLE, first_seen_at=start))
    poll = {
        "id": 1, "job": "game-tickets", "target": "game 1", "game_id": 1, "watched_from": start,
        "priority": 0, "schedule": "1h", "interval_seconds": 3600, "due_at": start,
    }  # fmt: skip
    conn.execute(schema.polls.insert().values(poll))
    notes.add(conn, at=start + timedelta(days=1), title=TITLE)

    page = Page(report.page(conn, since=start, until=start + timedelta(days=3), zone=UTC))

    assert page.faults == []
    assert "script" not in page.tags
    assert "".join(page.texts).count("alert('{{7*7}}')") >= 3  # overview, heading, note
    assert "\u202e" not in page.html


def test_nothing_watched_makes_a_report_that_says_so(conn: Connection) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    page = report.page(conn, since=start, until=start + timedelta(days=3), zone=UTC)

    assert "No game that is watched has been answered for yet." in page
    assert "Nothing was planned yet." in page
    assert "<table" not in page


@pytest.fixture
def watching(
    bench_of: Callable[..., Bench], world: World, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    """Yield a harvest of one game that was made just now."""
    world.add_game(1, TITLE, 1)
    world.unlock(world.add_user("alice"), world.add_achievement(1, TITLE))
    bench = bench_of("[watch]\ngames = [1]", database=sqlite_url)
    monkeypatch.setenv("HARVESTER_CONFIG", str(bench.path))
    return bench


def test_the_command_writes_the_report_of_what_was_fetched(watching: Bench, shell: Shell) -> None:
    assert shell("--config", str(watching.path), "fetch").code == 0

    done = shell("--config", str(watching.path), "report", "out.html")

    assert done.code == 0, done.err
    assert done.out == ""
    assert "written to out.html" in done.err
    page = Page((shell.folder / "out.html").read_text())
    assert "script" not in page.tags
    assert watching.world.key not in page.html


def test_an_empty_range_is_one_line(watching: Bench, shell: Shell) -> None:
    shell("--config", str(watching.path), "fetch")

    done = shell("--config", str(watching.path), "report", "out.html", "--since", "now")

    assert (done.code, done.err.count("\n")) == (2, 1)
    assert not Path("out.html").exists()


def test_achievements_that_share_a_title_keep_their_own_numbers() -> None:
    rows = [
        {"achievement_id": own, "achievement": title, "unlocks": trends.Ends(*counts)}
        for own, title, counts in ((1, "Jump", (5, 6)), (2, "Jump", (1, 3)), (3, " ", (0, 9)))
    ]

    table = figures.then_and_now(rows, ["achievement"], "unlocks", ["achievement"])

    assert table.rows == [
        ["Jump", "1", "3", "+2"],
        ["Jump", "5", "6", "+1"],
        ["achievement 3", "0", "9", "+9"],
    ]


def test_a_game_without_a_title_is_called_by_its_id(conn: Connection) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    conn.execute(schema.games.insert().values(id=1, title=" \u200b", first_seen_at=start))
    poll = {
        "id": 1, "job": "game-tickets", "target": "game 1", "game_id": 1, "watched_from": start,
        "priority": 0, "schedule": "1h", "interval_seconds": 3600, "due_at": start,
    }  # fmt: skip
    conn.execute(schema.polls.insert().values(poll))

    page = report.page(conn, since=start, until=start + timedelta(days=3), zone=UTC)

    assert '<a href="#game-1">game 1</a>' in page
    assert '<h3 id="game-1">game 1</h3>' in page
