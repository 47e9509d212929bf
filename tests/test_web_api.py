"""The JSON API beside the command line: two doors to the same rows."""

from collections.abc import Callable

import pytest
from commands import Outcome, Shell
from dashboards import Dashboard

from harvester import clock
from harvester.store.trends import TRENDS
from harvester.text import one_line

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


# --- what is said beside rows ----------------------------------------------------------


@pytest.mark.parametrize("name", TRENDS)
def test_what_the_command_says_beside_a_trend_is_in_the_headers_and_at_the_address_they_name(
    dashboard: Dashboard, command: Command, name: str
) -> None:
    key = TRENDS[name].needs[0]
    answer = dashboard.ask(f"/api/trends/{name}?{key}={KEYS[key]}&since=2022-01-01&every=1mo")
    place = answer.headers["link"].partition("<")[2].partition(">")[0]
    caveat = [answer.headers["harvester-caveat"]] if "harvester-caveat" in answer.headers else []

    listed = dashboard.ask(place).json()
    options = ["--since", "2022-01-01", "--every", "1mo"]
    said = command("trend", name, f"--{key}", KEYS[key], *options).err

    told = [f"since {note['at'][:10]}: {one_line(note['title'])}" for note in listed]
    assert said.splitlines() == [*caveat, *told]
    assert told


def test_the_disagreement_of_dates_and_counters_is_told_by_the_api(
    dashboard: Dashboard, command: Command
) -> None:
    answer = dashboard.ask("/api/trends/unlock-rate?game=1&since=1d&every=1w&format=csv")

    caveat = answer.headers["harvester-caveat"]
    assert caveat.startswith("dates and RA's counters disagree in 2 of 4 rows")
    told = command("trend", "unlock-rate", "--game", "1", "--since", "1d", "--every", "1w").err
    assert told.splitlines()[0] == caveat


def test_an_answer_that_nothing_is_to_be_said_about_has_no_such_header(
    dashboard: Dashboard,
) -> None:
    answer = dashboard.ask("/api/trends/players?game=2&since=1d")

    assert answer.json()[-1]["is_observed"]
    assert not {"link", "harvester-caveat"} & set(answer.headers)


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ("", []),
        ("game=1", ["--game", "1"]),
        ("achievement=11&user=Ann", ["--achievement", "11", "--user", "Ann"]),
        ("developer=Dev&job=game-tickets", ["--developer", "Dev", "--job", "game-tickets"]),
        ("since=2026-02-01&until=now", ["--since", "2026-02-01", "--until", "now"]),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_notes_are_the_same_file_from_the_api_and_from_the_command(
    dashboard: Dashboard, command: Command, form: str, asked: str, options: list[str]
) -> None:
    answer = dashboard.ask(f"/api/notes?format={form}&{asked}")

    assert answer.text == command("note", "list", "--format", form, *options).out
    assert answer.status_code == 200


def test_a_note_on_a_game_is_told_of_it_and_of_no_other(dashboard: Dashboard) -> None:
    own, other = (dashboard.ask(f"/api/notes?trend=players&game={one}").json() for one in (1, 2))

    assert [note["title"][:7] for note in own if note["source"] == "user"] == ["Revised"]
    assert [note for note in own if note["source"] == "ra"] == other
    assert {note["scope"] for note in other} == {"trend:players"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("trend=playrs&game=1", "did you mean players?"),
        ("trend=players", "trend players needs --game"),
        ("trend=players&game=1&job=progress", "job does not go with trend"),
        ("job=x", "job 'x': there are "),
        ("game=999", "game 999 is not in the database"),
        ("since=yesterday", "since 'yesterday': must be a date"),
        ("zone=Mars", "zone 'Mars': must be the name of a time zone"),
    ],
)
def test_what_makes_no_sense_of_notes_is_told_in_a_line(
    dashboard: Dashboard, asked: str, words: str
) -> None:
    answer = dashboard.ask(f"/api/notes?{asked}")

    assert answer.status_code == 400
    assert words in answer.json()["error"]
