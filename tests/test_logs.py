import io
import json
import logging
from collections.abc import Iterator

import pytest

from harvester import logs

LOG = logging.getLogger("harvester.test")
KEY = "s3cret/key+1"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give logging back as it was."""
    root, ours = logging.getLogger(), logging.getLogger("harvester")
    before = root.handlers, root.level, ours.level
    yield
    root.handlers, root.level, ours.level = before


def lines(captured: pytest.CaptureFixture[str]) -> list[str]:
    return captured.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("verbosity", "heard"),
    [(0, ["warning"]), (1, ["info", "warning"]), (2, ["debug", "info", "warning", "theirs"])],
)
def test_more_is_logged_the_more_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], verbosity: int, heard: list[str]
) -> None:
    logs.set_up(verbosity, "text")
    LOG.debug("debug")
    LOG.info("info")
    LOG.warning("warning")
    logging.getLogger("urllib3").info("theirs")
    assert [line.split()[-1] for line in lines(capsys)] == heard


def test_a_line_has_time_and_level_and_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(0, "text")
    LOG.warning("title %s", "a\n2026-01-01 00:00:00 ERROR forged\x1b[2J")
    (line,) = lines(capsys)
    assert line[19:] == r" WARNING title a\n2026-01-01 00:00:00 ERROR forged\x1b[2J"


def test_json_lines_can_be_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(0, "json")
    LOG.error("no %s", "luck")
    (line,) = lines(capsys)
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {"level": "error", "logger": "harvester.test", "message": "no luck"}
    assert logs.is_for_machines()


@pytest.mark.parametrize("form", logs.FORMATS)
def test_the_key_is_in_no_line_and_no_traceback(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    logs.set_up(2, form)
    logs.hide(KEY)
    logs.hide("")
    trouble = ValueError(f"https://ra.example/API?y={KEY}")
    LOG.error("asking y=%s or %s", KEY, "s3cret%2Fkey%2B1", exc_info=trouble)
    told = capsys.readouterr().err
    assert "s3cret" not in told
    assert "ValueError" in told
    assert "asking y=*** or ***" in told


def test_lines_go_to_what_stderr_is_at_that_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(0, "text")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(io.StringIO())
    LOG.warning("here")
    assert len(lines(capsys)) == 1
    assert not logs.is_for_machines()
