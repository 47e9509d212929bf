"""What the README shows is real: the trend as the command tells it, and its picture."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ROOT
from sqlalchemy import Connection

from docs import showcase
from harvester.store import db

README = (ROOT / "README.md").read_text()
pytestmark = [
    pytest.mark.xdist_group("pages"),  # where the weeks are simulated already
    pytest.mark.no_cover,  # what it does at length is measured elsewhere
]


@pytest.fixture
def weeks(weeks_file: Path) -> Iterator[Connection]:
    """Yield a connection to them."""
    engine = db.connect(f"sqlite:///{weeks_file}", is_read_only=True)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def drawing(path: Path) -> list[str]:
    """Read the words of a drawing, in its order."""
    return [text for text in ET.parse(path).getroot().itertext() if text.strip()]  # noqa: S314


def test_the_trend_of_the_readme_is_what_the_command_says(weeks_file: Path) -> None:
    assert README.count("$ harvester trend") == 1
    assert showcase.shown(README, weeks_file) == README, "run `make docs`"


def test_every_picture_of_the_readme_is_there_with_words_for_who_cannot_see_it() -> None:
    named = re.findall(r'(?:src|srcset)="([^"]+)"', README)

    assert named == [f"docs/images/{showcase.THEMES[theme]}" for theme in ("dark", "light")]
    assert all((ROOT / name).is_file() for name in named)
    assert len(re.findall(r'<img [^>]*alt="[^"]{40,}"', README)) == 1


def test_the_pictures_show_these_weeks_with_their_hole_and_their_note(
    weeks: Connection, tmp_path: Path
) -> None:
    showcase.draw(weeks, tmp_path)

    for name in showcase.THEMES.values():
        words = drawing(tmp_path / name)
        assert drawing(ROOT / "docs" / "images" / name) == words, "run `make docs`"
        assert "set revised" in words
        assert "shaded: not observed" in words


def test_nothing_is_written_where_nothing_is_new(
    weeks_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "README.md"
    monkeypatch.setattr(showcase, "README", page)
    page.write_text(README.replace("2026-01-05", "2026-01-06"))

    showcase.update(weeks_file)
    assert page.read_text() == README

    page.chmod(0o400)
    before = page.stat().st_mtime_ns
    showcase.update(weeks_file)
    assert page.stat().st_mtime_ns == before
