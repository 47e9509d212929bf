"""Pictures of things whose titles are long, alike, or made of characters that are hard to cut."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harvester import charts, pictures
from harvester.charts import bars, buckets, heat, ranking, themes
from harvester.charts.brevity import breadth, fits, short
from harvester.charts.names import Name, fitted, labels
from harvester.store.trends import TRENDS

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 2
SVG = "{http://www.w3.org/2000/svg}"
MUSHROOMS = "Collect every single 🍄🍄🍄🍄🍄🍄🍄🍄🍄🍄🍄🍄 in the game"
FAMILY = "👨\u200d👩\u200d👧"
Row = dict[str, Any]

ODD = st.text(
    st.sampled_from(
        "aW ·…()1\u0301\u200d\ufe0f🍄👨🏽🇩漢ソ﷽\u202e\x00\x1b\n\ufffe\uffff\u2800<&'\"{"
    )
)
ENDLESS = st.builds("{}{}".format, st.sampled_from(["🍄" * 60, "a\u0301" * 90, "W" * 90]), ODD)
ALIKE = st.builds("Complete the Gold Saucer Battle Arena in round {}".format, st.integers(1, 9))
NAMES = st.sampled_from(["", " ", "__proto__", "constructor", "null", "1", MUSHROOMS, FAMILY * 30])
TITLES = st.one_of(ODD, ENDLESS, ALIKE, NAMES, st.text())


@dataclass(frozen=True)
class Note:
    title: str
    at: datetime = START + timedelta(days=1, hours=6)


def by_achievement(titles: Sequence[str], **values: Sequence[float | None]) -> list[Row]:
    """Tell a course of each achievement of one game."""
    return [
        {
            "time": START + timedelta(days=day + 1), "game_id": 1, "game": titles[0],
            "achievement_id": own, "achievement": title, "basis": "observed",
            **{name: course[day] for name, course in values.items()},
        }
        for own, title in enumerate(titles, 1)
        for day in range(DAYS)
    ]  # fmt: skip


def by_game(titles: Sequence[str], **values: Sequence[float | None]) -> list[Row]:
    """Tell a course of each game."""
    rows = by_achievement(titles, **values)
    own = [{**row, "game_id": row["achievement_id"], "game": row["achievement"]} for row in rows]
    return [{k: v for k, v in row.items() if "achievement" not in k} for row in own]


def held(titles: Sequence[str]) -> list[Row]:
    """Tell a distribution of each game."""
    return [{**row, "unlocked": 1} for row in by_game(titles, players=[3, 4])]


@dataclass(frozen=True)
class Form:
    """A form of picture: its rows, how many series it shows, which layer has a mark for each."""

    trend: str
    rows: Callable[[Sequence[str]], list[Row]]
    most: int
    marks: str
    each: int = 1  # marks for a series

    def specification(self, titles: Sequence[str]) -> dict[str, Any]:
        """Say what is drawn of things with these titles, and of notes with the same."""
        values = TRENDS[self.trend].values
        rows, notes = self.rows(titles), [Note(title) for title in titles]
        return charts.specification(self.trend, rows, values=values, notes=notes)


FORMS: Mapping[str, Form] = {
    "lines": Form(
        "players", lambda own: by_game(own, players=[3, 4]), themes.MOST_SERIES, "lines"
    ),
    "bars": Form(
        "unlock-rate",
        lambda own: by_achievement(own[: bars.MOST], unlocks=[3, 4]), bars.MOST, "bars", DAYS,
    ),
    "heat": Form(
        "unlock-rate",
        lambda own: by_achievement([*own, *"abcde"], unlocks=[3, None]), heat.MOST, "cells",
    ),
    "ranking": Form(
        "rarity", lambda own: by_achievement(own, rarity=[0.1, 0.2]), ranking.MOST, "now"
    ),
    "distribution": Form("distribution", held, buckets.MOST, "now"),
}  # fmt: skip
MANY = st.lists(TITLES, min_size=2, max_size=12)


def layer(spec: Mapping[str, Any], name: str) -> list[Row]:
    (found,) = (own for own in spec["layer"] if own.get("name") == name)
    rows: list[Row] = spec["datasets"][{**spec, **found}["data"]["name"]]
    return rows


def series_in(form: Form, titles: Sequence[str]) -> int:
    rows = form.rows(titles)
    return min(len({(row["game_id"], row.get("achievement_id")) for row in rows}), form.most)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@given(titles=MANY)
@settings(max_examples=examples(30))
@example(titles=["Jump", "Jump"])
@example(titles=["Legend of Zelda, The: Ocarina of Time", "Legend of Zelda, The: Majora's Mask"])
def test_so_many_series_are_told_apart_whatever_their_titles(form: Form, titles: list[str]) -> None:
    spec = form.specification(titles)

    count = series_in(form, titles)
    keys = [row["key"] for row in layer(spec, "names")]
    assert len(keys) == len(set(keys)) == count
    assert {row["key"] for row in layer(spec, form.marks)} == set(keys)
    words = [row["name"] for row in layer(spec, "names")]
    assert len(set(words)) == count
    assert all(word.strip() for word in words)


@pytest.mark.no_cover  # drawing takes long, and shorter tests go through the same code
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@given(titles=MANY)
@settings(max_examples=examples(8))
@example(titles=[MUSHROOMS, MUSHROOMS])
@example(titles=["🍄" * 100, "W\u0301" * 100])
@example(titles=["__proto__", "constructor", "hasOwnProperty"])
def test_so_many_series_are_drawn_whatever_their_titles(form: Form, titles: list[str]) -> None:
    drawn = pictures.picture(form.specification(titles), "svg")

    page = ET.fromstring(drawn)  # noqa: S314 - our own
    count = series_in(form, titles)
    assert len({place(own) for own in marks(page, "names", "text")}) == count
    assert sum(1 for _ in marks(page, form.marks, "path")) == count * form.each


def marks(page: ET.Element, name: str, tag: str) -> Iterable[ET.Element]:
    """Yield the marks of a layer."""
    for group in page.iter(f"{SVG}g"):
        if f"{name}_marks" in group.get("class", "").split():
            yield from group.iter(f"{SVG}{tag}")


def place(own: ET.Element) -> str | None:
    return own.get("transform")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_vega_has_nothing_to_cut(form: Form) -> None:
    spec = form.specification([MUSHROOMS, "W" * 300])

    config = spec["config"]
    cutting = [config[own][limit] for own in ("axis", "legend") for limit in LIMITS]
    assert set(cutting) == {0}
    assert '"limit"' not in json.dumps(spec)
    assert not {*LIMITS} & set(json.dumps(spec["layer"]).split('"'))
    assert "\\ud83c" not in json.dumps(spec).replace("\\ud83c\\udf44", "")


LIMITS = ("labelLimit", "titleLimit")


@given(ODD | ENDLESS | st.text(), st.integers(8, 80))
def test_what_is_shortened_fits_and_is_the_beginning_of_the_text(text: str, most: int) -> None:
    brief = short(text, most)

    assert fits(brief, most)
    assert len(brief) <= 4 * most
    assert brief.isprintable() or not text.isprintable()


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字漢…"),
        ("🍄🍄🍄🍄", 6, "🍄🍄…"),
        ("e\u0301" * 4, 3, "e\u0301" * 2 + "…"),
        (FAMILY * 2, 9, f"{FAMILY}…"),
        ("👍🏽👍🏽👍🏽", 8, "👍🏽…"),
        ("🇩🇪🇫🇷🇯🇵", 5, "🇩🇪🇫🇷…"),
        ("a" + "\u0301" * 500, 20, "…"),
        ("﷽﷽", 30, "﷽…"),
    ],
)
def test_letters_are_not_torn_and_count_by_how_broad_they_are(
    text: str, most: int, expected: str
) -> None:
    assert short(text, most) == expected


@given(st.lists(st.builds(Name, TITLES.map(short)), min_size=2, max_size=6), st.integers(24, 60))
def test_labels_fit_and_bear_the_id_where_they_would_read_the_same(
    names: list[Name], most: int
) -> None:
    those = [own._replace(ids=str(place)) for place, own in enumerate(names)]

    told = labels(those, most)

    assert len(set(told)) == len(told)
    assert all(breadth(words) <= most for words in told)


LIKE_IDS = st.text(st.sampled_from("ab 1234(·)"), max_size=9)


@given(st.lists(LIKE_IDS, max_size=6), st.none() | st.integers(1, 12))
@example(["Ring", "Ring", "Ring (2)"], None)
@example(["", "(1)"], None)
@example(["a", "a", "a (1)", "a (1) (3)"], None)
@example(["a  b", "a b"], None)
def test_titles_that_look_like_ids_are_told_apart(titles: list[str], most: int | None) -> None:
    those = [Name(title, str(own)) for own, title in enumerate(titles, 1)]

    told = labels(those, most)

    if most is None or most >= len("(1)"):  # else ids have no room
        assert len({" ".join(words.split()) for words in told}) == len(told)
        assert all(told)
    assert most is None or all(breadth(words) <= most for words in told)


def test_of_a_long_name_every_part_stays_at_least_in_part() -> None:
    assert fitted("Legend of Zelda, The: Majora's Mask · unofficial · casual", 30) == (
        "Legend… · unofficial · casual"
    )
