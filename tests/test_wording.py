"""How numbers, shares and times are written for people."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from harvester import wording


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1234567, "1,234,567"),
        (0, "0"),
        (-5, "-5"),
        (1.5, "1.50"),
        (1234.6, "1,235"),
        (None, "\N{EN DASH}"),
    ],
)
def test_numbers_have_separators_and_the_digits_that_matter(
    value: float | None, words: str
) -> None:
    assert wording.number(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.5, "50.00%"), (0.00049, "0.05%"), (1, "100.00%"), (None, "\N{EN DASH}")]
)
def test_shares_are_told_in_percent(value: float | None, words: str) -> None:
    assert wording.share(value) == words


def test_an_instant_is_told_by_the_clock_of_the_zone() -> None:
    at = datetime(2026, 7, 1, 22, 30, 59, tzinfo=UTC)

    assert wording.instant(at, UTC) == "2026-07-01 22:30"
    assert wording.instant(at, ZoneInfo("Europe/Berlin")) == "2026-07-02 00:30"
    assert wording.instant(None, UTC) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=20), "under 1 min"),
        (timedelta(minutes=90), "1 h 30 min"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        (timedelta(days=2, minutes=4), "2 d 4 min"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_units(length: timedelta, words: str) -> None:
    assert wording.duration(length) == words


@pytest.mark.parametrize("title", [None, "", "  ", "\u200b", "\u3164"])
def test_what_has_no_title_to_see_is_called_by_its_id(title: str | None) -> None:
    assert wording.titled(title, "game", 7) == "game 7"
    assert wording.titled(" Sonic", "game", 7) == " Sonic"
