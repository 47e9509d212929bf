"""The JSON API beside the command line: two doors to the same rows."""

from collections.abc import Callable

import pytest
from commands import Outcome, Shell
from dashboards import Dashboard

from harvester import clock

FORMS = ("json", "ndjson", "csv")
Command = Callable[..., Outcome]


@pytest.fixture
def command(dashboard: Dashboard, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run commands on the dashboard's database, at its time."""
    monkeypatch.setenv("HARVESTER_DATABASE_URL", dashboard.url)
    monkeypatch.setattr(clock, "now", lambda: dashboard.now)
    return shell


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
