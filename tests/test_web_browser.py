"""The dashboard in a real browser: what it loads, draws and lets people reach."""

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from commands import Shell
from dashboards import HOSTILE, Dashboard
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    sync_playwright,
)

from harvester.store import db
from harvester.web.security import Door

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DURING = "since=20d&every=1d"
CHARTED = ("/games/1", "/achievements/11", "/players/Ann", "/developers/Dev")
PAGES = ("/", "/coverage", "/sql?q=SELECT+id,+title+FROM+games", "/nowhere", *CHARTED)
PHONE: ViewportSize = {"width": 390, "height": 844}

_INSTALLED = next((path for path in CHROMIUM if Path(path).exists()), None)
_MAY_LACK = "CI" not in os.environ  # there, a test that is skipped would pass for one that ran
pytestmark = [
    pytest.mark.skipif(
        _INSTALLED is None and _MAY_LACK, reason="no Chromium is installed: apt install chromium"
    ),
    pytest.mark.xdist_group("browser"),  # one browser, not one for every worker
    pytest.mark.no_cover,  # what it does at length is measured elsewhere
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one browser for all of these tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_INSTALLED, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def base(dashboard: Dashboard) -> Iterator[str]:
    """Serve the dashboard on loopback, with everything it can do."""
    with dashboard.but(has_sql=True).served() as base:
        yield base


class Visit:
    """A page, and all that was loaded and complained of on the way."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.page: Page = context.new_page()
        self.base = base
        self.loaded: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.loaded.append(request.url))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        is_own_status = "the server responded with a status of 404" in message.text
        if message.type in {"error", "warning"} and not is_own_status:
            self.complaints.append(message.text)

    def __call__(self, place: str) -> Page:
        """Go somewhere, and wait until it is all there."""
        self.page.goto(f"{self.base}{place}{'&' if '?' in place else '?'}{DURING}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until every chart is drawn."""
        self.page.locator("[data-chart]:not([data-state])").first.wait_for(state="detached")

    def foreign(self) -> Sequence[str]:
        """Tell what was loaded from elsewhere."""
        return [url for url in self.loaded if urlsplit(url).netloc != urlsplit(self.base).netloc]


LOOKS: Mapping[str, Mapping[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE},
}


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Iterator[Mapping[str, BrowserContext]]:
    """Keep one context for each look: what was loaded once is not loaded again."""
    made = {name: browser.new_context(**options) for name, options in LOOKS.items()}
    yield made
    for context in made.values():
        context.close()


@contextmanager
def window(context: BrowserContext, base: str) -> Iterator[Visit]:
    """Open a window; close it afterwards."""
    visit = Visit(context, base)
    try:
        yield visit
    finally:
        visit.page.close()


@pytest.fixture
def visit(contexts: Mapping[str, BrowserContext], base: str) -> Iterator[Visit]:
    """Open a window."""
    with window(contexts["light"], base) as visit:
        yield visit


@pytest.fixture
def phone(contexts: Mapping[str, BrowserContext], base: str) -> Iterator[Visit]:
    """Open a window as narrow as a phone's."""
    with window(contexts["phone"], base) as visit:
        yield visit


@pytest.fixture(params=LOOKS)
def look(
    request: pytest.FixtureRequest, contexts: Mapping[str, BrowserContext], base: str
) -> Iterator[Visit]:
    """Open a window in both themes, and one as narrow as a phone's."""
    with window(contexts[request.param], base) as visit:
        yield visit


@pytest.mark.parametrize("place", PAGES)
def test_a_page_loads_quietly_and_from_here_alone(visit: Visit, place: str) -> None:
    page = visit(place)

    assert visit.complaints == []
    assert visit.foreign() == []
    assert len(visit.loaded) > 1
    assert page.locator("[data-state=picture]").count() == 0


@pytest.mark.parametrize("place", PAGES)
def test_nobody_is_kept_out(look: Visit, place: str) -> None:
    page = look(place)
    for summary in page.locator("summary").all():
        summary.click()

    found = Axe().run(page).response["violations"]

    grave = [(own["id"], own["nodes"][0]["html"][:200]) for own in found
             if own["impact"] in {"serious", "critical"}]  # fmt: skip
    assert grave == []


@pytest.mark.parametrize("place", PAGES)
def test_a_phone_shows_every_page_without_scrolling_it_sideways(phone: Visit, place: str) -> None:
    page = phone(place)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_long_title_without_a_space_makes_no_page_wider(
    browser: Browser, dashboard: Dashboard, tmp_path: Path
) -> None:
    engine = db.connect(f"sqlite:///{tmp_path}/long.db")
    with sqlite3.connect(dashboard.url.removeprefix("sqlite:///")) as ours:
        ours.execute("VACUUM INTO ?", [f"{tmp_path}/long.db"])
    with engine.begin() as conn:
        for table in ("games", "achievements"):
            conn.exec_driver_sql(f"UPDATE {table} SET title = ?", ("W" * 300,))
    with dashboard.but(url=str(engine.url)).served() as base, browser.new_context() as context:
        visit = Visit(context, base)
        for place in ("/", "/games/1", "/achievements/11", "/coverage?game=1"):
            page = visit(place)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place
    engine.dispose()


def spare(figure: Locator) -> float:
    """Measure how much of a chart's box nothing stands in, in pixels."""
    script = """figure => {
        const shown = [...figure.querySelectorAll("svg, img, figcaption")];
        const ends = shown.map(one => one.getBoundingClientRect().bottom);
        return figure.getBoundingClientRect().bottom - Math.max(...ends);
    }"""
    return float(figure.evaluate(script))


def test_a_chart_fills_a_phone_and_leaves_no_room_below_itself(phone: Visit) -> None:
    figures = phone("/games/1").locator("[data-state=drawn]").all()

    assert len(figures) >= 4
    for figure in figures:
        assert spare(figure) < 10


def test_a_chart_is_as_wide_as_the_window_also_after_that_changes(visit: Visit) -> None:
    page = visit("/games/1")
    figure = page.locator("[data-state=drawn]").first
    tall = figure.locator("svg").bounding_box()["height"]  # type: ignore[index]

    page.set_viewport_size(PHONE)
    page.wait_for_function(
        "([chart, tall]) => Math.abs(chart.getBoundingClientRect().height - tall) < 10",
        arg=[figure.locator("svg").element_handle(), tall],
    )

    assert figure.locator("svg").bounding_box()["width"] <= PHONE["width"]  # type: ignore[index]
    assert spare(figure) < 10


def test_a_picture_of_a_chart_leaves_no_room_below_itself(browser: Browser, base: str) -> None:
    with browser.new_context(java_script_enabled=False, viewport=PHONE) as context:
        page = context.new_page()
        page.goto(f"{base}/games/1?{DURING}")
        for figure in page.locator("figure.chart").all():
            assert spare(figure) < 10


def test_where_the_script_of_charts_does_not_come_there_are_pictures(phone: Visit) -> None:
    phone.page.route("**/vega.js", lambda route: route.abort())
    page = phone("/games/1")

    assert page.locator("[data-state=drawn]").count() == 0
    for figure in page.locator("[data-state=picture]").all():
        figure.locator("img").evaluate("own => own.decode()")
        assert spare(figure) < 10
    assert page.locator("[data-state=picture]").count() >= 4


def drawn(page: Page, panel: str) -> list[list[dict[str, Any]]]:
    """Read out of a chart's running view what each of its layers is made of."""
    script = """figure => {
        const datasets = figure.view.getState({data: () => true, signals: () => false}).data;
        const layers = Object.values(datasets).filter(Array.isArray);
        return layers.map(rows => rows.filter(row => "series" in row && "value" in row));
    }"""
    found = page.locator(f"section[aria-labelledby='{panel}'] [data-chart]").evaluate(script)
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


@pytest.fixture
def at_the_same_time(shell: Shell, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Run commands on the dashboard's database, in its time."""
    monkeypatch.setenv("HARVESTER_DATABASE_URL", dashboard.url)
    monkeypatch.setattr("harvester.clock.now", lambda: dashboard.now)
    return shell


@pytest.mark.parametrize(
    ("place", "command", "value"),
    [
        ("/games/1", "players --game 1", "players"),
        ("/games/1", "game-tickets --game 1", "open"),
        ("/achievements/11", "unlocks --achievement 11", "unlocks"),
        ("/developers/Dev", "developer-tickets --developer Dev", "open"),
    ],
)
def test_a_chart_draws_the_numbers_of_the_command(
    visit: Visit, at_the_same_time: Shell, place: str, command: str, value: str
) -> None:
    told = at_the_same_time("trend", *command.split(), "--since", "20d", "--format", "json")
    assert told.code == 0, told.err
    expected = [row[value] for row in json.loads(told.out)]

    datasets = drawn(visit(place), f"panel-{command.split(maxsplit=1)[0]}")
    courses = [
        [row["value"] for row in own if row["series"] == series]
        for own in datasets
        for series in {row["series"] for row in own}
    ]

    assert len(set(expected)) > 1
    assert expected in courses


def points(page: Page) -> int:
    """Count what the chart of players is made of."""
    return sum(map(len, drawn(page, "panel-players")))


def test_the_period_picker_changes_period_zone_and_charts(visit: Visit) -> None:
    page = visit("/games/1")
    before = points(page)

    page.get_by_label("Since", exact=True).fill("3d")
    page.get_by_label("Every", exact=True).select_option("1h")
    page.get_by_label("Time zone", exact=True).fill("America/New_York")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**since=3d*")
    visit.settle()

    assert re.search(r"since=3d&until=now&every=1h&zone=America%2FNew_York", page.url)
    assert page.get_by_label("Every", exact=True).input_value() == "1h"
    assert points(page) > before
    assert visit.complaints == []


def test_without_javascript_there_are_pictures_and_numbers(browser: Browser, base: str) -> None:
    with browser.new_context(java_script_enabled=False, color_scheme="dark") as context:
        page = context.new_page()
        page.goto(f"{base}/games/1?{DURING}")
        images = page.locator("figure img")
        assert images.count() >= 4
        for image in images.all():
            image.scroll_into_view_if_needed()
            assert "Every number is in the table below" in (image.get_attribute("alt") or "")
            assert image.bounding_box()["width"] > 300  # type: ignore[index]
        page.locator("summary").first.click()
        cells = page.locator("section[aria-labelledby=panel-players] tbody td").all_inner_texts()
        assert any(text.isdecimal() for text in cells)


def test_pictures_load_without_javascript_in_the_theme_of_the_reader(
    browser: Browser, base: str
) -> None:
    for theme in ("light", "dark"):
        with browser.new_context(java_script_enabled=False, color_scheme=theme) as context:
            page, loaded = context.new_page(), []
            page.on("response", lambda own: loaded.append((own.status, own.url)))  # noqa: B023
            page.goto(f"{base}/achievements/11?{DURING}")
            pictures = [own for own in loaded if ".svg?" in own[1]]
            assert pictures
            assert all(status == 200 and f"theme={theme}" in url for status, url in pictures)


def test_a_title_that_is_markup_is_read_as_it_is(visit: Visit) -> None:
    page = visit("/games/1")

    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE.replace("\u202e", "")
    assert page.locator("img").count() == 0
    assert page.evaluate("document.querySelectorAll('main script').length") == 0


def test_all_of_it_is_reached_by_keyboard(visit: Visit) -> None:
    page = visit("/")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    for place in ("#since", "#zone", "main a[href='/games/1?since=20d&every=1d']", ".data a"):
        assert is_reached(page, page.locator(place).first), place


def is_reached(page: Page, place: Locator) -> bool:
    """Press Tab until a place has the focus, which must be seen on the way; give up at the end."""
    for _ in range(40):
        page.keyboard.press("Tab")
        own = page.locator(":focus")
        if own.count():
            outline = own.evaluate("own => getComputedStyle(own).outlineStyle")
            assert outline != "none", own.evaluate("own => own.outerHTML")[:200]
        if place.evaluate("own => own === document.activeElement"):
            return True
    return False


def test_a_table_that_is_wider_than_the_screen_scrolls_by_keyboard(phone: Visit) -> None:
    box = phone("/").locator(".scroll").first
    assert is_reached(phone.page, box)
    box.evaluate("own => { own.moved = new Promise(done => { own.onscroll = done }) }")
    phone.page.keyboard.press("ArrowRight")

    assert box.evaluate("own => own.moved.then(() => own.scrollLeft)") > 0


def test_the_login_lets_one_in(browser: Browser, dashboard: Dashboard) -> None:
    with (
        dashboard.but(door=Door(token="a-token-of-decent-length")).served() as base,
        browser.new_context() as context,
    ):
        page = Visit(context, base).page
        page.goto(f"{base}/games/2?since=7d")
        assert page.url.startswith(f"{base}/login")
        page.get_by_label("Token").fill("a-token-of-decent-length")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base}/games/2?since=7d")
        assert page.get_by_role("heading", level=1).inner_text() == "Sonic & Knuckles"
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{base}/login")
        page.goto(f"{base}/games/2")
        assert page.url.startswith(f"{base}/login")
