"""The dashboard's pages and its JSON, asked without a socket."""

import csv
import json
import re
import sqlite3
from contextlib import closing
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from dashboards import HOSTILE, NOTES, WATCH, Dashboard, inhabit, live_and_harvest
from harvests import STILL, BenchOf
from markup import Page
from starlette.routing import Route

from harvester.sandbox.world import World
from harvester.store import trends
from harvester.store.trends import TRENDS
from harvester.text import is_blank
from harvester.web import app, listing, overview
from harvester.web.api import FORMATS
from harvester.web.templating import environment

PAGES = (
    "/",
    "/coverage",
    "/games/1",
    "/games/2",
    "/achievements/11",
    "/players/Ann",
    "/developers/Dev",
)
DURING = "since=20d&every=1d"


@pytest.mark.parametrize("place", PAGES)
def test_every_page_answers_and_takes_its_address_back(dashboard: Dashboard, place: str) -> None:
    answer = dashboard.ask(f"{place}?{DURING}&zone=Europe/Berlin")

    assert answer.status_code == 200
    assert Page(answer.text).faults == []
    assert 'value="Europe/Berlin"' in answer.text
    assert 'value="20d"' in answer.text


@pytest.mark.parametrize("place", PAGES)
def test_the_period_that_was_chosen_is_kept_from_page_to_page(
    dashboard: Dashboard, place: str
) -> None:
    answer = dashboard.ask(f"{place}?since=20d&zone=Europe/Berlin")
    chosen = {("since", "20d"), ("zone", "Europe/Berlin")}

    links = [one["href"] or "" for one in Page(answer.text).every("a")]
    pages = [
        one
        for one in links
        if re.match(r"/(games|achievements|players|developers|coverage)\b|/\?|/$", one)
    ]
    assert len(pages) > 2
    for one in pages:
        assert chosen <= set(parse_qsl(urlsplit(one).query)), one


@pytest.mark.parametrize("since", ["4d", "9d"])
@pytest.mark.parametrize("every", ["1d", "1w", "1mo"])
def test_the_overview_tells_from_what_to_what_a_number_went_as_top_does(
    dashboard: Dashboard, since: str, every: str
) -> None:
    ranked = dashboard.ask(f"/api/top?ranking=players&since={since}").json()
    page = dashboard.ask(f"/?since={since}&every={every}").text

    assert ranked
    for row in ranked:
        line = page.partition(f'href="/games/{row["game_id"]}?')[2].partition("</tr>")[0]
        assert f"{row['before']:,} to {row['after']:,}" in line


@pytest.mark.parametrize(
    "place", ["/games/1?since=yesterday", "/nowhere?zone=Mars", "/?since=now&until=30d"]
)
def test_a_period_that_makes_no_sense_is_left_behind_on_the_next_page(
    dashboard: Dashboard, place: str
) -> None:
    links = Page(dashboard.ask(place).text).every("a")

    ways = [one["href"] or "" for one in links if not (one["href"] or "").startswith("#")]
    assert len(ways) > 3
    assert {dashboard.ask(one).status_code for one in ways} == {200}


def test_the_coverage_of_a_game_says_which_game_it_is(dashboard: Dashboard) -> None:
    answer = dashboard.ask("/coverage?game=2")

    assert "<bdi>Sonic &amp; Knuckles</bdi>" in answer.text
    assert 'href="/games/2"' in answer.text
    assert "<h2" in answer.text
    assert ">Jobs</h2>" not in answer.text  # which are about all games
    everything = dashboard.ask("/coverage").text
    assert "<bdi>" not in everything.partition("<form")[0]
    assert ">Jobs</h2>" in everything


def test_of_many_gaps_the_newest_are_on_the_page_and_all_in_the_data(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (listing, overview):
        monkeypatch.setattr(module, "MOST_ROWS", 2)
    every = dashboard.ask("/api/gaps?since=90d").json()
    assert len(every) > 2

    told = dashboard.ask("/coverage?since=90d").text
    assert "The newest 2. All of them are in the data below." in told
    section = told.partition("When nobody looked")[2].partition("</table>")[0]
    assert section.count("<tr") == 1 + 2
    assert every[0]["target"] in section


def test_of_what_is_not_watched_nobody_says_that_it_was_looked_at(dashboard: Dashboard) -> None:
    answer = dashboard.ask("/coverage?game=999")

    assert "as often as planned" not in answer.text
    assert "Nothing of that is watched." in answer.text
    assert "Nothing of that" not in dashboard.ask("/coverage?game=2").text
    assert dashboard.ask("/api/gaps?game=999").status_code == 400


def test_what_no_set_has_is_not_said_to_be_unlocked_by_a_share_of_the_players(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    source, copy = dashboard.url.removeprefix("sqlite:///"), tmp_path / "copy.db"
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(copy)) as other:
        one.backup(other)
        with other:
            other.execute("UPDATE achievements SET is_promoted = 0 WHERE id = 11")

    told = dashboard.but(url=f"sqlite:///{copy}").ask("/achievements/11").text

    assert "unofficial" in told
    assert "Unlocked by" in dashboard.ask("/achievements/11").text
    assert not re.search(r"(Unlocked by|True ratio)</dt>\s*<dd>[0-9]", told)


@pytest.mark.parametrize("place", ["/api/gaps?", "/api/top?ranking=players&"])
def test_what_has_no_periods_is_told_for_however_long(dashboard: Dashboard, place: str) -> None:
    assert dashboard.ask(f"{place}since=2001-01-01").json()
    assert dashboard.ask(f"{place}since=now").status_code == 400


@pytest.mark.parametrize("place", PAGES)
def test_a_page_leads_to_nothing_elsewhere_and_carries_no_script_or_style(
    dashboard: Dashboard, place: str
) -> None:
    page = Page(dashboard.ask(f"{place}?{DURING}").text)

    named = ("src", "href", "srcset", "action")
    addresses = [value for _, own in page.elements for name in named if (value := own.get(name))]
    assert addresses
    assert [own for own in addresses if own[:2] == "//" or own[:1] not in "/#"] == []
    assert all("src" in own for own in page.every("script"))
    assert not page.every("style")
    assert not [
        name for _, own in page.elements for name in own if name.startswith(("on", "style"))
    ]


@pytest.mark.parametrize("place", ["/", "/games/1", "/achievements/11", "/players/Ann"])
def test_hostile_titles_stay_text_and_cannot_turn_the_line(
    dashboard: Dashboard, place: str
) -> None:
    text = dashboard.ask(f"{place}?{DURING}").text

    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert" in text
    assert "{{ 7 * 7 }}" in unescape(text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", text)


def test_the_notes_of_tickets_stay_text(dashboard: Dashboard) -> None:
    text = dashboard.ask(f"/games/1?{DURING}").text

    assert "</td><script>alert(3)" not in text
    assert "</td><script>alert(3)</script>" in unescape(text)
    assert NOTES not in unescape(text)


def test_a_page_shows_the_numbers_of_the_trend(dashboard: Dashboard) -> None:
    rows = dashboard.ask(f"/api/trends/players?game=1&{DURING}").json()
    text = dashboard.ask(f"/games/1?{DURING}").text
    table = text.partition('id="panel-players-caption"')[2].partition("</table>")[0]

    shown = re.findall(r'<td class="number"><bdi>([^<]*)</bdi></td>', table)[::2]

    assert [int(own) if own.isdecimal() else None for own in shown][::-1] == [
        row["players"] for row in rows
    ]
    assert rows[-1]["players"] > 3


def test_the_notes_on_a_game_stand_below_its_charts_and_on_no_other(dashboard: Dashboard) -> None:
    own, other = (dashboard.ask(f"/games/{game}?{DURING}").text for game in (1, 2))

    assert "<bdi>Revised &lt;script&gt;" in own
    assert "Revised" not in other


def test_the_api_tells_the_very_rows_of_the_trend(dashboard: Dashboard) -> None:
    place = f"/api/trends/game-tickets?game=1&{DURING}&format="
    texts = {form: dashboard.ask(place + form).text for form in FORMATS}

    rows = json.loads(texts["json"])
    assert rows[-1]["open"] == 1
    assert [json.loads(line) for line in texts["ndjson"].splitlines()] == rows
    opened = [row["open"] for row in csv.DictReader(texts["csv"].splitlines())]
    assert opened == ["" if row["open"] is None else str(row["open"]) for row in rows]


def test_a_title_runs_in_no_spreadsheet(dashboard: Dashboard) -> None:
    text = dashboard.ask(f"/api/trends/players?game=1&{DURING}&format=csv").text

    assert HOSTILE not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("name", TRENDS)
def test_every_trend_has_an_address(dashboard: Dashboard, name: str) -> None:
    keys = {"game": 1, "achievement": 11, "user": "Ann", "developer": "Dev"}
    need = TRENDS[name].needs[0] if TRENDS[name].needs else ""
    answer = dashboard.ask(f"/api/trends/{name}?{need}={keys.get(need, '')}&{DURING}")

    assert answer.status_code == 200
    assert answer.json()


@pytest.mark.parametrize(
    ("place", "status", "words"),
    [
        ("/nowhere", 404, "there is no such page"),
        ("/games/999", 404, "game 999 is not in the database"),
        ("/games/x", 404, "is no id"),
        ("/games/99999999999999999999", 404, "is no id"),
        ("/achievements/999", 404, "achievement 999 is not in the database"),
        ("/players/Nobody", 404, "'Nobody' is not in the database"),
        ("/developers/Nobody", 404, "'Nobody' is not in the database"),
        ("/games/1?since=yesterday", 400, "since 'yesterday': must be a date"),
        ("/games/1?every=5m", 400, "every '5m': must be"),
        ("/games/1?zone=Mars", 400, "zone 'Mars': must be the name of a time zone"),
        ("/games/1?zone=../../etc/passwd", 400, "must be the name of a time zone"),
        ("/games/1?since=now", 400, "nothing lies between"),
        ("/games/1?since=1970-01-01&every=1h", 400, "more than 2,000 periods"),
        (f"/games/1?since={'9' * 200}", 400, "since is longer than"),
        ("/games/1?every=99999mo", 400, "no calendar goes so far"),
        ("/games/1?since=99999mo", 400, "since '99999mo': must be"),
        ("/players/A%00b", 404, "cannot be printed"),
        ("/api/trends/progress?user=A%00b", 400, "cannot be printed"),
        ("/?page=0", 400, "page '0' must be a whole number from 1"),
        ("/sql", 404, "harvester serve --sql"),
        ("/api/trends/playrs?game=1", 404, "no trend is called 'playrs'"),
        ("/api/trends/players", 400, "trend players needs --game"),
        ("/api/trends/players?game=1&format=xml", 400, "format 'xml': there are"),
        ("/api/trends/players?game=1&developer=Dev", 400, "takes --game, not --developer"),
        (f"/api/trends/players?{'game=1&' * 60}", 400, "more than 50 keys"),
        ("/charts/players.svg?game=1&value=nothing", 400, "has no value 'nothing'"),
        ("/charts/players.svg?game=1&theme=pink", 400, "theme 'pink': there are"),
        ("/static/0000/site.css", 404, "there is no such file"),
        ("/static/0000/../app.py", 404, "there is no such"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(
    dashboard: Dashboard, place: str, status: int, words: str
) -> None:
    answer = dashboard.ask(place)

    assert answer.status_code == status
    assert words in unescape(answer.text)
    assert "Traceback" not in answer.text


def test_nothing_can_be_changed(dashboard: Dashboard) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused = dashboard.ask("/games/1", method=method)
        assert refused.status_code == 405
        assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
        assert "ask with GET" in refused.text
    assert dashboard.ask("/", method="HEAD").status_code == 200


def test_a_bug_of_ours_shows_nothing_of_itself(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def struck(*_asked: object, **_more: object) -> None:
        raise RuntimeError("secret insides")

    monkeypatch.setattr(trends, "answer", struck)
    answer = dashboard.ask("/games/1")

    assert answer.status_code == 500
    assert "this is a bug of ours" in answer.text
    assert "secret insides" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_database_at_another_version_is_waited_for(dashboard: Dashboard, tmp_path: Path) -> None:
    path = _copied(dashboard, tmp_path)
    with sqlite3.connect(path) as conn:
        conn.execute("UPDATE alembic_version SET version_num = 'another'")
    conn.close()
    answer = dashboard.but(url=f"sqlite:///{path}").ask("/")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "is being brought to another version" in answer.text


def test_a_damaged_database_is_told_of(dashboard: Dashboard, tmp_path: Path) -> None:
    path = tmp_path / "harvester.db"
    path.write_bytes(b"no database" * 1000)
    answer = dashboard.but(url=f"sqlite:///{path}").ask("/api/watchlist")

    assert answer.status_code == 503
    assert "the database is damaged" in answer.json()["error"]


def test_where_the_database_is_stands_in_the_log_and_not_on_the_page(
    dashboard: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    url = "postgresql+psycopg://somebody:secret@127.0.0.1:1/data"
    answer = dashboard.but(url=url).ask("/api/watchlist")

    assert answer.status_code == 503
    assert answer.json()["error"].startswith("the database cannot be used; why stands on stderr")
    assert "127.0.0.1" not in answer.text
    assert "127.0.0.1" in caplog.text
    assert "secret" not in caplog.text


def _copied(dashboard: Dashboard, folder: Path) -> Path:
    path = folder / "copy.db"
    source = sqlite3.connect(dashboard.url.removeprefix("sqlite:///"))
    target = sqlite3.connect(path)
    source.backup(target)
    source.close()
    target.close()
    return path


def test_both_databases_fill_every_page(bench_of: BenchOf, world: World, database_url: str) -> None:
    inhabit(world)
    now = live_and_harvest(bench_of(WATCH, database=database_url, api=STILL))
    board = Dashboard(database_url, now)

    for place in (*PAGES, "/api/watchlist", "/api/coverage", "/charts/players.svg?game=1"):
        answer = board.ask(place)
        assert answer.status_code == 200, place
    watched = board.ask("/api/watchlist").json()
    assert [(row["game_id"], row["open_tickets"]) for row in watched] == [(1, 1), (2, 0)]
    assert watched[1]["game"] == "Sonic & Knuckles"
    assert {row["job"] for row in board.ask("/api/coverage").json()} == {
        "developer-tickets",
        "distribution",
        "game-tickets",
        "progress",
        "unlocks",
    }


def test_the_watchlist_comes_in_pages(dashboard: Dashboard) -> None:
    first, second = (
        dashboard.ask(f"/api/watchlist?limit=1&page={number}").json() for number in (1, 2)
    )

    assert [row["game_id"] for row in first + second] == [1, 2]


def test_what_moved_is_ranked(dashboard: Dashboard) -> None:
    top = dashboard.ask("/api/top?ranking=players&since=7d&limit=1").json()

    assert [(row["rank"], row["game_id"]) for row in top] == [(1, 1)]
    assert top[0]["change"] > 0
    text = dashboard.ask("/").text.partition("What moved in the last week")[2]
    assert f"<bdi>+{top[0]['change']}</bdi>" in text.partition("</table>")[0]
    assert dashboard.ask("/api/top?ranking=x").status_code == 400


def test_a_player_is_found_by_ulid_and_told_under_his_name(dashboard: Dashboard) -> None:
    text = dashboard.ask("/").text
    (place,) = re.findall(r'href="(/players/[0-9A-Z]{26})"', text)

    assert "<bdi>Ann</bdi>" in dashboard.ask(place).text


@pytest.mark.parametrize(
    "asked",
    ["rarity?game=1", "unlocks?game=1", "distribution?game=1", "progress?user=Ann"],
)
def test_a_game_may_not_stand_for_more_rows_than_can_be_held(
    dashboard: Dashboard, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dashboard.ask(f"/api/trends/{asked}&since=5d")
    monkeypatch.setattr("harvester.web.answers.MOST_ROWS", 8)

    answer = dashboard.ask(f"/api/trends/{asked}&since=5d")

    assert len(whole.json()) > 8
    assert (answer.status_code, "too much at a time" in answer.text) == (400, True)


def test_a_page_does_without_a_chart_that_would_be_too_much(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.web.answers.MOST_ROWS", 100)

    answer = dashboard.ask(f"/games/1?{DURING}")

    assert answer.status_code == 200
    assert "too much at a time" in answer.text
    assert 'data-chart="/charts/players"' in answer.text
    assert 'data-chart="/charts/distribution"' not in answer.text


def test_a_distribution_is_told_without_what_nobody_holds(dashboard: Dashboard) -> None:
    text = dashboard.ask(f"/games/1?{DURING}").text
    table = text.partition('id="panel-distribution-caption"')[2].partition("</table>")[0]
    rows = dashboard.ask(f"/api/trends/distribution?game=1&{DURING}").json()
    newest = [row["players"] for row in rows if row["time"] == rows[-1]["time"]]

    assert table.count('<th scope="row"') == len(newest) - newest.count(0) > 0
    assert 0 in newest


@pytest.mark.parametrize(("rows", "is_boxed"), [(25, False), (300, True)])
def test_only_a_long_table_scrolls_in_a_box_and_says_how_long_it_is(
    rows: int, *, is_boxed: bool
) -> None:
    made = listing.table("All", [{"name": row} for row in range(rows)], [listing.Column("name")])
    macros = environment().get_template("macros.html").make_module({})

    text = str(macros.section(made, "all"))  # type: ignore[attr-defined]

    assert text.count("<tr>") == rows + 1
    assert ('class="scroll long"' in text) is is_boxed
    assert ("300 rows." in text) is is_boxed


def test_a_name_that_looks_like_a_path_has_a_page(dashboard: Dashboard, tmp_path: Path) -> None:
    path = _copied(dashboard, tmp_path)
    for name in ("a/b", "100%", "Ünïçødé 7"):
        with sqlite3.connect(path) as conn:
            conn.execute("UPDATE users SET name = ?, ulid = NULL WHERE name = 'Bob'", [name])
            conn.execute("UPDATE user_names SET name = ? WHERE name = 'Bob'", [name])
        conn.close()
        board = dashboard.but(url=f"sqlite:///{path}")
        link = listing.player_at({"user": name})

        answer = board.ask(link.address if link else "")

        assert f"<h1><bdi>{name}</bdi></h1>" in answer.text
        with sqlite3.connect(path) as conn:
            conn.execute("UPDATE users SET name = 'Bob' WHERE name = ?", [name])
            conn.execute("UPDATE user_names SET name = 'Bob' WHERE name = ?", [name])
        conn.close()


# --- the description of the API --------------------------------------------------------


def test_the_description_follows_openapi_and_names_every_address(dashboard: Dashboard) -> None:
    told = dashboard.ask("/api/openapi.json").json()

    served = {route.path for route in app.routes() if isinstance(route, Route)}
    assert told["openapi"].startswith("3.1.")
    assert {path for path in told["paths"] if "/trends/" in path} == {
        f"/api/trends/{name}" for name in TRENDS
    }
    others = {path for path in served if path.startswith("/api/")} - {
        "/api/trends/{name}",
        "/api/openapi.json",
    }
    assert {path for path in told["paths"] if "/trends/" not in path} == others
    ids = [own["get"]["operationId"] for own in told["paths"].values()]
    assert len(ids) == len(set(ids))


# --- charts ----------------------------------------------------------------------------


def test_a_chart_is_drawn_in_both_themes(dashboard: Dashboard) -> None:
    light, dark = (
        dashboard.ask(f"/charts/players.svg?game=1&value=players&{DURING}&theme={theme}")
        for theme in ("light", "dark")
    )

    assert light.headers["content-type"] == "image/svg+xml"
    assert light.text.startswith("<svg")
    assert light.text != dark.text
    assert "<script" not in light.text


def test_the_specification_holds_the_numbers_of_the_trend(dashboard: Dashboard) -> None:
    told = dashboard.ask(f"/charts/players.json?game=1&value=players&{DURING}").json()
    rows = dashboard.ask(f"/api/trends/players?game=1&{DURING}").json()

    drawn = {row.get("value") for own in told["datasets"].values() for row in own}
    assert {row["players"] for row in rows} - {None} <= drawn


def test_files_stay_in_the_browser_until_they_change(dashboard: Dashboard) -> None:
    page = Page(dashboard.ask("/games/1").text)
    places = [str(own["src"]) for own in page.every("script")]

    for place in places:
        answer = dashboard.ask(place)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
    assert len(places) == 2


@pytest.mark.parametrize("title", ["", " \t ", "\u200b\u3164"])
def test_every_link_and_heading_has_words_where_titles_have_none(
    dashboard: Dashboard, tmp_path: Path, title: str
) -> None:
    path = _copied(dashboard, tmp_path)
    with sqlite3.connect(path) as conn:
        for table in ("games", "achievements", "achievement_versions"):
            conn.execute(f"UPDATE {table} SET title = ?", [title])
        conn.execute("UPDATE users SET name = ?", [title])
    conn.close()
    board = dashboard.but(url=f"sqlite:///{path}")

    for place in (*PAGES[:-2], *_people(dashboard)):
        text = board.ask(f"{place}?{DURING}").text
        words = re.findall(r"<(?:a|h1|h2|title)\b[^>]*>(.*?)</(?:a|h1|h2|title)>", text, re.DOTALL)
        bare = [unescape(re.sub(r"<[^>]*>", "", own)) for own in words]
        assert len(bare) > 9
        assert [own for own in bare if is_blank(own)] == [], place
    assert "<bdi>Achievement 11</bdi></a>" in board.ask(f"/games/1?{DURING}").text


def _people(dashboard: Dashboard) -> set[str]:
    """Tell the pages of people by what no name changes."""
    return set(re.findall(r'href="(/(?:players|developers)/[0-9A-Z]{26})', dashboard.ask("/").text))


def test_a_chart_of_titles_full_of_emoji_is_drawn(dashboard: Dashboard, tmp_path: Path) -> None:
    path = _copied(dashboard, tmp_path)
    with sqlite3.connect(path) as conn:
        conn.execute("UPDATE achievements SET title = ?", ["Collect every single " + "🍄" * 12])
    conn.close()
    board = dashboard.but(url=f"sqlite:///{path}")

    answers = [board.ask(f"/charts/{trend}.svg?game=1&{DURING}") for trend in ("rarity", "unlocks")]

    assert [answer.status_code for answer in answers] == [200, 200]
