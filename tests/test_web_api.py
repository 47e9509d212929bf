"""The JSON API beside the command line: two doors to the same rows."""

from collections.abc import Callable

import pytest
from commands import Outcome, Shell
from dashboards import Dashboard

from harvester import clock
from harvester.store.trends import TRENDS

KEYS = {"game": "1", "achievement": "11", "user": "Ann", "developer": "Dev"}
SUMMER_BEGINS = "America/New_York"  # on 2026-03-08, within the days that are harvested
FORMS = ("json", "ndjson", "csv")
Command = Callable[..., Outcome]


@pytest.fixture
def command(dashboard: Dashboard, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run commands on the dashboard's database, at its time."""
    monkeypatch.setenv("HARVESTER_DATABASE_URL", dashboard.url)
    monkeypatch.setattr(clock, "now", lambda: dashboard.now)
    return shell


@pytest.mark.parametrize(
    ("form", "zone"), [("json", SUMMER_BEGINS), ("csv", SUMMER_BEGINS), ("csv", "UTC"), ("csv", "")]
)
@pytest.mark.parametrize("name", TRENDS)
def test_a_trend_is_the_same_file_from_the_api_and_from_the_command(
    dashboard: Dashboard, command: Command, name: str, zone: str, form: str
) -> None:
    key = TRENDS[name].needs[0]
    asked = f"{key}={KEYS[key]}&since=7d&every=6h&format={form}" + (f"&zone={zone}" if zone else "")
    options = ["--since", "7d", "--every", "6h", "--format", form]
    options += ["--timezone", zone] if zone else []

    answer = dashboard.ask(f"/api/trends/{name}?{asked}")

    assert answer.text == command("trend", name, f"--{key}", KEYS[key], *options).out
    assert len(answer.text.splitlines()) > 2


def test_a_file_of_a_zone_shows_its_clock_across_daylight_saving(dashboard: Dashboard) -> None:
    asked = f"game=1&since=2026-03-07&until=2026-03-10&zone={SUMMER_BEGINS}&format=csv"

    header, *lines = dashboard.ask(f"/api/trends/players?{asked}").text.splitlines()

    assert header.split(",")[0] == f"time ({SUMMER_BEGINS})"
    assert [line.split(",")[0] for line in lines] == [
        f"2026-03-{day:02} 00:00:00" for day in (8, 9, 10)
    ]


def test_the_links_below_a_chart_lead_to_the_clock_of_the_page(dashboard: Dashboard) -> None:
    page = dashboard.ask(f"/games/1?since=3d&zone={SUMMER_BEGINS}").text
    link = page.partition('href="/api/trends/players?')[2].partition('"')[0].replace("&amp;", "&")

    rows = dashboard.ask(f"/api/trends/players?{link}").text.splitlines()

    newest = rows[-1].split(",")[0]
    assert f"<bdi>{newest[:-3]}</bdi>" in page.partition('id="panel-players-caption"')[2]


def test_the_zone_of_the_configuration_is_named_where_the_address_has_none(
    dashboard: Dashboard,
) -> None:
    berlin = dashboard.but(zone="Europe/Berlin")

    text = berlin.ask("/api/trends/players?game=1&since=3d&format=csv").text

    assert text.startswith("time (Europe/Berlin),")


@pytest.mark.parametrize("form", FORMS)
def test_gaps_are_written_alike_by_the_api_and_by_the_command(
    dashboard: Dashboard, command: Command, form: str
) -> None:
    answer = dashboard.ask(f"/api/gaps?game=1&since=90d&format={form}")

    told = command("gaps", "--game", "1", "--since", "90d", "--format", form).out

    assert _lines(answer.text) == _lines(told)
    assert len(_lines(told)) > 3


def _lines(text: str) -> list[str]:
    """Take the rows of a file, whatever their order: the API tells the newest first."""
    return sorted(line.rstrip(",") for line in text.strip("[]\n").splitlines())


@pytest.mark.parametrize("form", FORMS)
def test_a_ranking_is_the_same_file_from_the_api_and_from_the_command(
    dashboard: Dashboard, command: Command, form: str
) -> None:
    answer = dashboard.ask(f"/api/top?ranking=players&since=7d&format={form}")

    told = command("top", "players", "--since", "7d", "--format", form).out

    assert answer.text == told
