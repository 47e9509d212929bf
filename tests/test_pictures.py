"""Pictures as files: what kind they are, that nothing is fetched for them, and `--plot`."""

import struct
import sys
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from commands import Shell
from markup import Page
from sqlalchemy import Engine

from harvester import charts, pictures
from harvester.pictures import VEGA_LITE, picture
from harvester.store import schema

START = datetime(2026, 3, 1, tzinfo=UTC)
TITLE = "</script><!-- <b>evil</b> & co"


def specification(title: str = "Dragster", **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    about = {"game_id": 1, "game": title}
    times = [START + timedelta(days=place) for place in range(5)]
    rows = [{"time": at, **about, "players": place} for place, at in enumerate(times)]
    return charts.specification("players", rows, values=["players"], **settings)


def test_a_png_is_twice_as_sharp_as_the_specification_is_wide() -> None:
    drawn = picture(specification(), "png")

    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", drawn[16:24])
    assert width == 2 * 720
    assert height > 600


def test_a_png_has_the_ground_of_its_theme() -> None:
    for theme, ground in (("light", (255, 255, 255)), ("dark", (0x15, 0x17, 0x1A))):
        assert corner(picture(specification(theme=theme), "png")) == ground


def corner(png: bytes) -> tuple[int, ...]:
    """Read the first pixel of a PNG with eight bits for each colour."""
    pieces, place = b"", 8
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        pieces += png[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += length + 12
    return tuple(zlib.decompress(pieces)[1:4])


def test_an_svg_is_xml_in_which_titles_are_text() -> None:
    drawn = ET.fromstring(picture(specification(TITLE), "svg"))  # noqa: S314 - our own

    words = "".join(drawn.itertext())
    assert TITLE in words
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert not [own for own in drawn.iter() if own.tag.endswith(("script", "b", "image"))]


def test_the_same_rows_make_the_same_picture() -> None:
    assert picture(specification(), "png") == picture(specification(), "png")


def test_what_is_only_there_to_be_pointed_at_is_not_drawn_where_nobody_can() -> None:
    names = [own.get("name") for own in pictures.without_hover(specification())["layer"]]

    assert "hover" not in names
    assert "lines" in names


def test_a_page_stands_alone_and_no_title_ends_its_script() -> None:
    page = Page(picture(specification(TITLE), "html").decode())

    assert page.faults == []
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert page.tags == {"html", "head", "meta", "title", "style", "body", "main", "script"}
    assert page.references == []
    assert any(TITLE in text for text in page.texts)


def test_nothing_is_fetched_for_a_picture() -> None:
    spec = specification() | {"data": {"url": "http://127.0.0.1:1/rows.json"}}
    spec["layer"] = [{**own, "data": {"url": "http://127.0.0.1:1/a"}} for own in spec["layer"]]

    with pytest.raises(ValueError, match="not allowed"):
        picture(spec, "svg")


def test_the_version_of_vega_lite_is_one_that_vl_convert_carries() -> None:
    import vl_convert  # noqa: PLC0415 - only here

    assert VEGA_LITE in vl_convert.get_vegalite_versions()


@pytest.fixture
def known(
    sqlite_engine: Engine, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, shell: Shell
) -> Shell:
    """Yield a shell on a database that knows one game, and how many played it."""
    with sqlite_engine.begin() as conn:
        conn.execute(schema.games.insert().values(id=1, title=TITLE, first_seen_at=START))
        counters = {"game_id": 1, "players": 7, "achievements": 3, "valid_from": START}
        conn.execute(schema.game_counters.insert().values(counters))
    monkeypatch.setenv("HARVESTER_DATABASE_URL", sqlite_url)
    return shell


ASKED = ("trend", "players", "--game", "1", "--since", "2026-03-01", "--until", "2026-03-04")


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("b.SVG", b"<svg"), ("c.html", b"<!DOCTYPE html>")]
)
def test_a_trend_is_drawn_beside_its_rows(known: Shell, name: str, begins: bytes) -> None:
    done = known(*ASKED, "--format", "json", "--plot", name)

    assert done.code == 0, done.err
    assert done.out == known(*ASKED, "--format", "json").out
    assert f"drawn in {name}" in done.err
    assert (known.folder / name).read_bytes().startswith(begins)
    assert [path.name for path in known.folder.glob(f"*{name}*")] == [name]


def test_a_picture_takes_the_place_of_an_older_one(known: Shell) -> None:
    (known.folder / "a.svg").write_text("old")

    known(*ASKED, "--plot", "a.svg")

    assert (known.folder / "a.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", ["a.jpg", "png", "a"])
def test_another_kind_of_picture_is_a_usage_error(known: Shell, name: str) -> None:
    done = known(*ASKED, "--plot", name)

    assert done.code == 2
    assert "must end in .png, .svg or .html" in done.err
    assert done.out == ""


def test_a_picture_that_cannot_be_written_is_one_line(known: Shell) -> None:
    done = known(*ASKED, "--plot", "nowhere/a.png")

    assert done.code == 2
    assert done.err == "harvester: nowhere/a.png cannot be written: No such file or directory\n"


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_whoever_lacks_the_extra_is_told_what_to_install(
    known: Shell, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("harvester.charts.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(charts, "compose", raising=False)
    monkeypatch.setitem(sys.modules, package, None)

    done = known(*ASKED, "--plot", "a.png")

    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "pip install 'ra-harvester[web]'" in done.err
    assert not (known.folder / "a.png").exists()


def test_a_distribution_of_two_instants_is_drawn_too(
    known: Shell, sqlite_engine: Engine, seen: Callable[[str], None]
) -> None:
    then = {"game_id": 1, "is_promoted": True, "is_hardcore": True, "unlocked": 1}
    rows: list[dict[str, Any]] = [
        {**then, "players": 4, "valid_from": START, "valid_to": START + timedelta(days=2)},
        {**then, "players": 6, "valid_from": START + timedelta(days=2), "valid_to": None},
    ]
    with sqlite_engine.begin() as conn:
        conn.execute(schema.distribution.insert(), rows)
    seen("distribution")

    asked = ("--game", "1", "--at", "2026-03-04", "--vs", "2026-03-02")
    done = known("trend", "distribution", *asked, "--plot", "a.svg")

    assert done.code == 0, done.err
    drawn = (known.folder / "a.svg").read_text()
    assert "bars: 2026-03-04 00:00, strokes: 2026-03-02 00:00 (UTC)" in drawn


@pytest.fixture
def seen(sqlite_engine: Engine) -> Callable[[str], None]:
    """Tell the database that a game was looked at all the time."""
    end = START + timedelta(days=9)

    def look(job: str) -> None:
        with sqlite_engine.begin() as conn:
            poll = {
                "id": 1, "job": job, "target": "game 1", "game_id": 1, "watched_from": START,
                "priority": 0, "schedule": "1h", "interval_seconds": 3600, "due_at": end,
                "last_ok_at": end,
            }  # fmt: skip
            conn.execute(schema.polls.insert().values(poll))
            fetch = {
                "id": 1, "poll_id": 1, "job": job, "first_at": START, "last_at": end, "times": 9,
                "outcome": "unchanged", "requests": 9,
                "rows_opened": 0, "rows_closed": 0,
            }  # fmt: skip
            conn.execute(schema.fetches.insert().values(fetch))

    return look
