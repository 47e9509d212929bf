from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from harvester.tables import shown, table
from harvester.text import width_of

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROWS: list[dict[str, object]] = [
    {"at": AT, "title": "Sonic the Hedgehog 2 and the rest of it", "players": 7},
    {"at": AT, "title": None, "players": 12345},
]
COLUMNS = ("at", "title", "players")


def drawn(width: int | None) -> list[str]:
    return list(table(ROWS, COLUMNS, width=width))


def test_a_table_has_a_header_a_rule_and_numbers_to_the_right() -> None:
    assert drawn(None) == [
        "at                   title                                    players",
        "-------------------  ---------------------------------------  -------",
        "2026-11-20 12:00:00  Sonic the Hedgehog 2 and the rest of it        7",
        "2026-11-20 12:00:00  -                                          12345",
    ]


def test_on_a_narrow_terminal_text_and_instants_are_folded() -> None:
    assert drawn(40) == [
        "at          title                players",
        "----------  -------------------  -------",
        "2026-11-20  Sonic the Hedgehog         7",
        "12:00:00    2 and the rest of",
        "            it",
        "2026-11-20  -                      12345",
        "12:00:00",
    ]


def test_gaps_are_narrowed_before_words_are_cut() -> None:
    rows = [{"one": "abcdefghijklm", "two": "abcdefghijklm"}]
    assert next(table(rows, ("one", "two"), width=27)) == "one           two"
    assert list(table(rows, ("one", "two"), width=23))[2:] == [
        "abcdefghijk abcdefghijk",
        "lm          lm",
    ]


def test_what_cannot_stand_side_by_side_becomes_a_block_per_row() -> None:
    assert drawn(25) == [
        "at       2026-11-20",
        "         12:00:00",
        "title    Sonic the",
        "         Hedgehog 2 and",
        "         the rest of it",
        "players  7",
        "",
        "at       2026-11-20",
        "         12:00:00",
        "title    -",
        "players  12345",
    ]


def test_a_table_without_rows_has_its_header() -> None:
    assert list(table([], ("a", "b"), width=80)) == ["a  b", "-  -"]


def test_values_are_shown_as_people_read_them() -> None:
    values = [None, True, False, 0.123456789, 3, AT, b"\xff", memoryview(b"\x01"), "a\nb"]
    expected = ["-", "yes", "no", "0.123457", "3", "2026-11-20 12:00:00", "ff", "01", "a b"]
    assert [shown(value) for value in values] == expected


def test_a_hostile_title_cannot_leave_its_cell() -> None:
    lines = list(table([{"title\x1b": "\x1b[31mred\nsecond"}], ("title\x1b",), width=None))
    assert lines == ["title", "--------------", "[31mred second"]


@given(
    st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.integers(0, 999), "c": st.text()})),
    st.integers(20, 90),
)
def test_no_line_is_wider_than_the_terminal(rows: list[dict[str, object]], width: int) -> None:
    assert all(width_of(line) <= width for line in table(rows, ("a", "b", "c"), width=width))
