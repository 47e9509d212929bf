"""What a picture is made of: the numbers of the rows, holes, notes, names that strangers chose."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import pytest

from harvester import charts
from harvester.charts import sparklines, themes
from harvester.charts.layers import spread
from harvester.charts.ticks import numbers, times
from harvester.errors import ConfigError
from harvester.store.trends import TRENDS

START = datetime(2026, 3, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOSTILE = "</script><b>{{7*7}} \u202e.[0]'\"\\ " + "x" * 300
Row = dict[str, Any]


@dataclass(frozen=True)
class Note:
    at: datetime
    title: str


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def tickets(*counts: int | None, game: str = "Dragster", own: int = 1) -> list[Row]:
    return [
        {
            "time": day(place), "game_id": own, "game": game, "is_promoted": True,
            "reported": count, "open": count, "is_observed": count is not None,
        }
        for place, count in enumerate(counts, 1)
    ]  # fmt: skip


def players(*counts: int | None, game: str = "Dragster", own: int = 1) -> list[Row]:
    return [
        {"time": day(place), "game_id": own, "game": game, "players": count, "achievements": 5}
        for place, count in enumerate(counts, 1)
    ]


def unlocks(*counts: int | None, own: int = 1, basis: str = "observed") -> list[Row]:
    return [
        {
            "time": day(place), "game_id": 1, "game": "Dragster", "achievement_id": own,
            "achievement": f"Number {own}", "unlocks": count, "unlocks_hardcore": None,
            "basis": basis,
        }
        for place, count in enumerate(counts, 1)
    ]  # fmt: skip


def buckets(place: int, *, is_hardcore: bool = True, **players_with: int) -> list[Row]:
    return [
        {
            "time": day(place), "game_id": 1, "game": "Dragster", "is_promoted": True,
            "is_hardcore": is_hardcore, "unlocked": int(held[1:]), "players": count,
        }
        for held, count in players_with.items()
    ]  # fmt: skip


def rare(place: int, *shares: float | None) -> list[Row]:
    return [
        {
            "time": day(place), "game_id": 1, "game": "Dragster", "achievement_id": own,
            "achievement": f"Number {own}", "rarity": None, "rarity_hardcore": share,
        }
        for own, share in enumerate(shares, 1)
    ]  # fmt: skip


ROWS: Mapping[str, list[Row]] = {
    "game-tickets": tickets(1, None, 3),
    "players": [*players(10, 20), *players(15, None, game="Sonic", own=2)],
    "distribution": [*buckets(1, _1=9, _2=4), *buckets(5, _1=10, _2=3)],
    "rarity": [*rare(1, 0.5, 0.2), *rare(2, 0.4, 0.25)],
    "unlock-rate": unlocks(0, None, 3),
    "mastery": [],
}


def drawn(trend: str, rows: list[Row], **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    return charts.specification(trend, rows, values=TRENDS[trend].values, **settings)


def layer(spec: Mapping[str, Any], name: str) -> list[Row]:
    """Return the rows of a layer; none where there is no such layer."""
    found = [own for own in spec["layer"] if own.get("name") == name]
    where = {**spec, **found[0]} if found else {}  # all layers may share their rows
    return spec["datasets"][where["data"]["name"]] if found else []


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def texts(spec: object) -> Iterable[str]:
    """Yield every text in a specification."""
    match spec:
        case str():
            yield spec
        case dict():
            for name, value in spec.items():
                yield from (name, *texts(value))
        case list():
            for value in spec:
                yield from texts(value)


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("trend", ROWS)
def test_every_picture_is_a_valid_specification_without_address_or_code(
    trend: str, theme: str
) -> None:
    spec = drawn(trend, ROWS[trend], theme=theme, notes=[Note(day(2), "revised")], zone=BERLIN)

    alt.Chart.from_dict(spec, validate=True)
    assert spec["config"]["background"] == themes.THEMES[theme].ground
    assert json.loads(json.dumps(spec)) == spec
    addresses = [text for text in texts(spec) if "://" in text]
    assert addresses == [spec["$schema"]]
    assert not any("url" in own.get("data", {}) for own in spec["layer"])


def test_a_line_holds_the_very_numbers_of_the_rows() -> None:
    spec = drawn("players", players(10, 12, 11))

    told = [(row["at"], row["value"]) for row in layer(spec, "lines")]

    assert told == [(millis(day(place)), value) for place, value in ((1, 10), (2, 12), (3, 11))]


def test_a_line_breaks_where_nothing_is_known_and_the_hole_is_shaded_up_to_what_is() -> None:
    spec = drawn("players", players(10, 12, None, None, 11, 11))

    assert [row["value"] for row in layer(spec, "lines")] == [10, 12, None, None, 11, 11]
    (hole,) = layer(spec, "holes")
    assert (hole["from"], hole["until"]) == (millis(day(2)), millis(day(5)))
    assert "shaded: not observed" in spec["title"]["subtitle"][0]


def test_what_was_known_at_no_time_is_one_hole() -> None:
    (hole,) = layer(drawn("players", players(None, None, None)), "holes")

    assert (hole["from"], hole["until"]) == (millis(day(1)), millis(day(3)))


def test_what_was_looked_for_and_not_there_is_no_hole() -> None:
    rows = [
        {
            "time": day(place), "game_id": 1, "game": "Dragster", "achievement_id": 1,
            "achievement": "Late", "rarity": share, "is_observed": is_observed,
        }
        for place, (share, is_observed) in enumerate(
            [(None, True), (None, True), (0.5, True), (None, False), (0.5, True)], 1
        )
    ]  # fmt: skip
    (hole,) = layer(drawn("rarity", rows), "holes")

    assert (hole["from"], hole["until"]) == (millis(day(3)), millis(day(5)))


def test_a_hole_in_one_of_two_series_breaks_its_line_only() -> None:
    spec = drawn("players", [*players(1, None, 3), *players(4, 5, 6, game="Sonic", own=2)])

    assert layer(spec, "holes") == []
    told = [row["value"] for row in layer(spec, "lines") if row["series"] == "Dragster"]
    assert told == [1, None, 3]


def test_a_bar_spans_its_period_and_an_unknown_one_is_shaded_as_a_whole() -> None:
    spec = drawn("unlock-rate", unlocks(2, None, 0))

    bars = layer(spec, "bars")
    assert [bar["value"] for bar in bars] == [2, 0]
    assert millis(day(0)) < bars[0]["from"] < bars[0]["until"] < millis(day(1))
    (hole,) = layer(spec, "holes")
    assert (hole["from"], hole["until"]) == (millis(day(1)), millis(day(2)))


def test_reconstructed_bars_are_paler_and_the_picture_says_so() -> None:
    spec = drawn("unlock-rate", [*unlocks(2, basis="reconstructed"), *unlocks(9, 1)[1:]])

    assert [bar["sure"] for bar in layer(spec, "bars")] == [0.6, 1.0]
    assert "paler: reconstructed from dates" in spec["title"]["subtitle"]
    assert "subtitle" not in drawn("unlock-rate", unlocks(1, 2))["title"]


def test_many_event_series_are_cells_and_unknown_ones_are_struck_through() -> None:
    rows = [row for own in range(1, 7) for row in unlocks(own, None if own == 3 else 0, own=own)]

    spec = drawn("unlock-rate", rows)

    assert len(layer(spec, "cells")) == 11
    assert [row["series"] for row in layer(spec, "holes_struck")] == ["Number 3"]
    assert {row["series"]: row["value"] for row in layer(spec, "cells") if row["value"]} == {
        f"Number {own}": own for own in range(1, 7)
    }


def test_a_distribution_shows_the_newest_as_bars_and_the_first_as_strokes() -> None:
    spec = drawn("distribution", [*buckets(1, _1=9, _2=4), *buckets(3), *buckets(5, _1=10, _2=3)])

    assert [(row["held"], row["players"]) for row in layer(spec, "now")] == [(1, 10), (2, 3)]
    assert {row["players"] for row in layer(spec, "then")} == {9, 4}
    assert spec["title"]["subtitle"] == ["bars: 2026-03-06 00:00, strokes: 2026-03-02 00:00 (UTC)"]


def test_hardcore_and_casual_stand_side_by_side_with_fillings_of_their_own() -> None:
    spec = drawn("distribution", [*buckets(1, _1=9), *buckets(1, _1=4, is_hardcore=False)])

    hardcore, casual = layer(spec, "now")
    assert hardcore["until"] == casual["from"]
    assert hardcore["full"] > casual["full"]
    assert [row["name"] for row in layer(spec, "names")] == ["hardcore", "casual"]


def test_rarity_ranks_achievements_from_the_rarest_on() -> None:
    spec = drawn("rarity", [*rare(1, 0.5, 0.2, None), *rare(2, 0.4, 0.25, None)])

    told = [(row["series"], row["then"], row["now"]) for row in layer(spec, "now")]

    assert told == [("Number 2", 0.2, 0.25), ("Number 1", 0.5, 0.4)]
    assert "1 less rare or unknown ones not shown" in spec["title"]["subtitle"][-1]


def test_the_rarity_of_one_achievement_is_a_line() -> None:
    spec = drawn("rarity", [*rare(1, 0.5), *rare(2, 0.4)])

    assert [row["value"] for row in layer(spec, "lines")] == [0.5, 0.4]


def test_only_as_many_series_as_can_be_told_apart_are_drawn_and_the_rest_is_counted() -> None:
    rows = [row for own in range(1, 13) for row in players(own, own, game=f"Game {own}", own=own)]

    spec = drawn("players", rows)

    names = {row["series"] for row in layer(spec, "lines")}
    assert names == {f"Game {own}" for own in range(5, 13)}
    assert spec["title"]["subtitle"] == ["4 others not shown"]
    lines = next(own for own in spec["layer"] if own["name"] == "lines")
    for channel in ("color", "strokeDash"):
        told = lines["encoding"][channel]["scale"]["range"]
        assert len({json.dumps(one) for one in told}) == 8


def test_a_value_that_was_always_zero_is_named_instead_of_drawn() -> None:
    rows = [{**row, "request": 0} for row in tickets(1, 2)]

    spec = drawn("game-tickets", rows)

    assert {row["series"] for row in layer(spec, "lines")} == {"open", "reported"}
    assert spec["title"]["subtitle"] == ["always 0: request"]


def test_the_only_one_that_was_not_always_zero_is_named() -> None:
    flow = {"closed": 0, "resolved": 0, "reopened": 0, "basis": "observed"}
    by_game = [*players(1, 2), *players(0, 0, game="Freeway", own=2)]

    bars = drawn("ticket-flow", [{**row, **flow, "opened": 1} for row in tickets(1, 2)])
    lines = drawn("players", by_game)

    assert [row["name"] for row in layer(bars, "names")] == ["opened"]
    assert [row["name"] for row in layer(lines, "names")] == ["Dragster"]
    assert lines["title"]["subtitle"] == ["always 0: Freeway"]


def test_a_long_name_keeps_what_sets_it_apart() -> None:
    kinds = [*buckets(1, _1=9), *buckets(1, _1=4, is_hardcore=False)]
    long = [{**row, "game": "The Adventures of Lolo in Japan"} for row in kinds]
    other = [{**row, "game_id": 2, "game": "The Adventures of Lolo 2"} for row in buckets(1, _1=3)]

    names = [row["name"] for row in layer(drawn("distribution", [*long, *other]), "names")]

    assert names == [
        "The Adve… · hardcore (1)",
        "The Adventures… · casual",
        "The Adve… · hardcore (2)",
    ]
    assert all(len(name) <= 24 for name in names)


def test_zero_is_drawn_where_it_is_all_there_is() -> None:
    spec = drawn("players", players(0, 0))

    assert [row["value"] for row in layer(spec, "lines")] == [0, 0]


def test_a_state_has_the_same_colour_whatever_stands_beside_it() -> None:
    def colours(rows: list[Row]) -> Mapping[str, str]:
        spec = drawn("game-tickets", rows)
        lines = next(own for own in spec["layer"] if own["name"] == "lines")
        scale = lines["encoding"]["color"]["scale"]
        by_key = dict(zip(scale["domain"], scale["range"], strict=True))
        return {row["series"]: by_key[row["key"]] for row in layer(spec, "lines")}

    beside = [{**row, "resolved": 50} for row in tickets(1, 2)]
    assert colours(tickets(1, 2))["reported"] == colours(beside)["reported"]


def test_the_range_within_a_period_is_a_band() -> None:
    rows = [{**row, "players_min": 8, "players_max": 15} for row in players(10, 12)]

    spec = drawn("players", rows)
    band = layer(spec, "range")

    assert [(row["value"], row["most"]) for row in band] == [(8, 15), (8, 15)]
    lines = next(own for own in spec["layer"] if own["name"] == "lines")
    assert lines["encoding"]["x"]["scale"]["domain"] == [band[0]["from"], band[1]["until"]]


def test_playtime_is_told_in_hours() -> None:
    row = {"time": day(1), "user": "alice", "game_id": 1, "game": "Dragster"}
    rows = [{**row, "playtime_seconds": 5400}, {**row, "time": day(2), "playtime_seconds": 7200}]

    spec = charts.specification("progress", rows, values=["playtime_seconds"])

    assert [own["value"] for own in layer(spec, "lines")] == [1.5, 2]
    assert '"title": "hours"' in json.dumps(spec)


@pytest.mark.parametrize(
    ("trend", "unit"),
    [
        ("game-tickets", "tickets"),
        ("players", "players"),
        ("rarity", "share of players"),
        ("unlock-rate", "unlocks"),
        ("distribution", "players"),
    ],
)
def test_axes_have_units(trend: str, unit: str) -> None:
    assert f'"title": "{unit}"' in json.dumps(drawn(trend, ROWS[trend]))


def test_the_time_axis_names_its_zone_and_shows_its_clock() -> None:
    spec = drawn("players", players(1, 2, 3), zone=BERLIN)

    axis = spec["layer"][0]["encoding"]["x"]["axis"]
    assert axis["title"] == "2026, time in Europe/Berlin"
    assert layer(spec, "lines")[0]["when"] == "2026-03-02 01:00"
    midnight = datetime(2026, 3, 3, tzinfo=BERLIN)
    assert millis(midnight) in axis["values"]
    assert f"'{millis(midnight)}':'Mar 3'" in axis["labelExpr"]


def test_notes_within_the_range_are_rules_with_their_words() -> None:
    notes = [Note(day(9), "later"), Note(day(3), "set revised"), Note(day(0), "before")]

    spec = drawn("players", players(1, 2, 3, 4), notes=notes)

    assert [(row["at"], row["note"]) for row in layer(spec, "notes")] == [
        (millis(day(3)), "set revised")
    ]
    assert [row["note"] for row in layer(spec, "notes_named")] == ["set revised"]


def test_pictures_of_then_and_now_tell_in_words_what_happened_between() -> None:
    those = [Note(day(place), f"Note {place}") for place in range(-1, 9)]

    spread_out = drawn("distribution", [*buckets(1, _1=9), *buckets(3, _1=9)], notes=those)
    ranked = drawn("rarity", [*rare(1, 0.5, 0.2), *rare(9, 0.4, 0.25)], notes=those)

    told = " · ".join(spread_out["title"]["subtitle"])
    dates = ("2026-03-02: Note 1", "2026-03-03: Note 2", "2026-03-04: Note 3")
    assert told.endswith(f"(UTC) · since {' · since '.join(dates)}")
    assert ranked["title"]["subtitle"][-1].endswith("since 2026-03-05: Note 4 · 4 more notes")


def test_notes_that_lie_close_together_share_their_words() -> None:
    notes = [Note(day(10), "one"), Note(day(10) + timedelta(hours=3), "other")]

    spec = drawn("players", players(*range(30)), notes=notes)

    assert len(layer(spec, "notes")) == 2
    assert [row["note"] for row in layer(spec, "notes_named")] == ["one + other"]


def test_a_hostile_title_is_one_short_line_of_text_and_never_a_field_or_an_expression() -> None:
    rows = [*players(1, 2, game=HOSTILE), *players(3, 4, game=HOSTILE, own=2)]

    spec = drawn("players", rows, notes=[Note(day(2), HOSTILE)])
    assert "script" in spec["title"]["text"]

    alt.Chart.from_dict(spec, validate=True)
    assert all(len(text) < 250 and "\u202e" not in text for text in texts(spec))
    used = re.findall(r'"(?:field|labelExpr|expr|signal|test)": "(.*?)"', json.dumps(spec))
    assert used
    assert not any("script" in own for own in used)
    assert len({row["series"] for row in layer(spec, "lines")}) == 2  # told apart by their ids


def test_an_empty_answer_says_that_nothing_is_known() -> None:
    spec = drawn("players", [])

    assert layer(spec, "empty") == [{"words": "nothing is known of this time"}]


def test_a_distribution_that_was_never_known_says_so_and_of_which_game() -> None:
    rows = [{**row, "unlocked": None, "players": None} for row in buckets(1, _1=9)]
    rows += [{**row, "is_hardcore": False} for row in rows]

    spec = drawn("distribution", rows)

    assert layer(spec, "empty") == [{"words": "nothing is known of this time"}]
    assert spec["title"]["text"] == "Players by achievements held · Dragster"


def test_words_have_no_picture() -> None:
    with pytest.raises(ConfigError, match="no picture"):
        drawn("changes", [])


def test_more_rows_than_can_be_seen_are_refused() -> None:
    with pytest.raises(ConfigError, match="longer periods"):
        drawn("players", players(1) * (charts.MOST_ROWS + 1))


def test_a_screen_reader_is_told_what_the_picture_shows() -> None:
    assert drawn("players", players(1, None, 3))["description"] == (
        "Players · Dragster. shaded: not observed"
    )


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return sum(weight * own for weight, own in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [themes.LIGHT, themes.DARK])
def test_lines_stand_out_three_to_one_and_words_four_and_a_half_to_one(
    theme: themes.Theme,
) -> None:
    assert min(contrast(colour, theme.ground) for colour in theme.series) >= 3
    assert min(contrast(colour, theme.ground) for colour in (theme.ink, theme.quiet)) >= 4.5


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 3, [0, 1, 2, 3]),
        (0, 0, [0, 1]),
        (0, 24_123, [0, 5_000, 10_000, 15_000, 20_000, 25_000]),
        (23_000, 24_100, [23_000, 23_500, 24_000, 24_500]),
    ],
)
def test_counts_are_marked_at_round_whole_numbers(
    low: float, high: float, expected: list[float]
) -> None:
    assert numbers(low, high, is_share=False).marks == expected


def test_hours_that_the_clock_leaves_out_or_has_twice_are_where_they_were() -> None:
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)
    marks = times(spring, spring + timedelta(hours=7), BERLIN)

    assert [label for _, label in marks] == [
        "Mar 29", "01:00", "03:00", "04:00", "05:00", "06:00", "07:00", "08:00",
    ]  # fmt: skip
    assert [at for at, _ in marks] == sorted({at for at, _ in marks})


@pytest.mark.parametrize(
    ("days", "first"), [(1, "Mar 2"), (30, "Mar 2"), (200, "Apr"), (1_000, "Jul"), (9_000, "2030")]
)
def test_long_ranges_are_marked_at_months_and_years(days: int, first: str) -> None:
    begin = START + timedelta(hours=12)
    marks = times(begin, begin + timedelta(days=days), UTC)

    assert first in [label for _, label in marks]
    assert len(marks) <= 10


def test_names_that_would_cover_each_other_are_moved_apart() -> None:
    moved = spread([100, 101, 260, 259])

    ordered = sorted(moved)
    assert all(later - earlier >= 17 for earlier, later in pairwise(ordered))
    assert max(moved) <= 260


# --- sparklines


def test_a_sparkline_breaks_at_a_hole() -> None:
    assert sparklines.lines([1, 2, None, 4, None]) == [
        "2.0,22.0 31.0,15.3",
        "87.0,2.0 91.0,2.0",
    ]


def test_a_sparkline_that_stands_still_runs_through_the_middle() -> None:
    assert sparklines.lines([5, 5]) == ["2.0,12.0 118.0,12.0"]
    assert sparklines.lines([None, None]) == []
