import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.text import folded, is_blank, letters, one_line, visible, width_of, words

HOSTILE = "\x1b[2J\u202eevil\x9b31m\r\nnext\ud800\uffff"


def test_harmless_text_stays_as_it_is() -> None:
    assert one_line("Sonic & ソニック") == visible("Sonic & ソニック") == "Sonic & ソニック"


def test_what_a_terminal_would_obey_is_removed_from_a_line() -> None:
    assert one_line(HOSTILE) == "[2Jevil31m next"


def test_what_a_terminal_would_obey_is_written_out_where_it_matters() -> None:
    assert visible(HOSTILE) == r"\x1b[2J\u202eevil\x9b31m\r\nnext\ud800\uffff"


@given(st.text())
def test_nothing_harmful_gets_through(text: str) -> None:
    for line in (one_line(text), visible(text)):
        assert len(line.splitlines()) <= 1
        assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line)


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("ソニ", 4), ("e\u0301", 1), ("", 0)])
def test_wide_and_combining_characters_are_measured(text: str, width: int) -> None:
    assert width_of(text) == width


def test_lines_end_between_words_and_after_hyphens() -> None:
    assert folded("developer-tickets of game 14402", 12) == [
        "developer-",
        "tickets of",
        "game 14402",
    ]
    assert words("developer-tickets of") == ["developer-", "tickets", "of"]


def test_words_that_are_too_long_are_cut() -> None:
    assert folded("abcdefgh", 3) == ["abc", "def", "gh"]
    assert folded("ソニック", 5) == ["ソニ", "ック"]


def test_an_empty_text_is_one_empty_line() -> None:
    assert folded("", 10) == [""]
    assert folded("   ", 10) == [""]


@given(st.text(), st.integers(2, 30))
def test_no_line_is_too_wide_and_no_word_is_lost(text: str, width: int) -> None:
    line = one_line(text)
    parts = folded(line, width)
    assert all(width_of(part) <= width for part in parts)
    assert "".join("".join(parts).split()) == "".join(line.split())


@pytest.mark.parametrize("text", ["", " \t\u3000", "\u200b\ufeff", "\x00\x1b", "\u2800\u3164"])
def test_a_text_without_ink_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}.{text}")


@given(st.text())
def test_letters_make_up_the_text_again(text: str) -> None:
    assert "".join(letters(text)) == text
