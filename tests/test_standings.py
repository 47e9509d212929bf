"""How far a player is in many games: what is asked, and what is believed."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api import standings
from harvester.errors import Invalid, NotFound

LONGEST_URL = 4096
NUMBERS = ("NumPossibleAchievements", "NumAchieved", "NumAchievedHardcore")
SCORES = ("PossibleScore", "ScoreAchieved", "ScoreAchievedHardcore")
ZEROS: dict[str, Any] = dict.fromkeys((*NUMBERS, *SCORES), 0)


def test_the_question_names_the_player_and_all_games() -> None:
    asked = standings.user_progress("Ada", [1, 14402])
    assert (asked.name, asked.params) == ("API_GetUserProgress", (("u", "Ada"), ("i", "1,14402")))


def test_an_empty_list_means_that_the_player_is_unknown() -> None:
    with pytest.raises(NotFound) as denial:
        standings.user_progress("Ada", [1]).read([])
    assert denial.value.what == "user"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "x",
        [1],
        {},
        {"2": ZEROS},
        {"1": []},
        {"1": None},
        {"1": {**ZEROS, "NumAchieved": -1}},
        {"1": {**ZEROS, "PossibleScore": None}},
        {"1": {name: 0 for name in ZEROS if name != "ScoreAchieved"}},
    ],
)
def test_an_answer_that_leaves_out_a_game_or_a_number_is_refused(answer: object) -> None:
    with pytest.raises(Invalid):
        standings.user_progress("Ada", [1]).read(answer)


@given(st.lists(st.integers(1, 2**53), unique=True, max_size=2000))
def test_every_game_is_asked_about_once_in_a_url_below_four_kilobytes(games: list[int]) -> None:
    chunks = list(standings.chunks(games))
    assert [game for chunk in chunks for game in chunk] == games
    for chunk in chunks:
        asked = standings.user_progress("A" * 26, chunk)
        key = {"z": "A" * 20, "y": "k" * 64}
        url = f"https://retroachievements.org/API/{asked.name}.php?"
        assert len(url + urlencode({**key, **dict(asked.params)})) < LONGEST_URL


def test_four_hundred_games_take_one_question() -> None:
    assert len(list(standings.chunks(range(10_000, 10_370)))) == 1
