import csv
import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from harvester.cli import options
from harvester.render import FORMATS, Row, render, terminal_width

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FULL_WIDTH = [
    f"{before}{sign}1"
    for before in ("", " ", "\u3000", "\x00")
    for sign in ("\uff1d", "\uff0b", "\uff0d", "\uff20")
]
ROW: Row = {"time": AT, "title": 'a, "b"', "n": 3, "share": 0.25, "is_so": True, "none": None}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        """Claim to be one."""
        return True


def written(rows: list[Row], form: str, columns: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    render(rows, columns or tuple(ROW), form, out)
    return out.getvalue()


def test_json_is_one_array_with_an_object_per_line() -> None:
    text = written([ROW, ROW], "json")
    assert text.count("\n") == 4
    first, second = json.loads(text)
    assert first == second == {**ROW, "time": "2026-11-20T12:00:00Z"}


@pytest.mark.parametrize(("form", "text"), [("json", "[]\n"), ("ndjson", ""), ("csv", "a,b\n")])
def test_no_rows_are_valid_output(form: str, text: str) -> None:
    assert written([], form, ("a", "b")) == text


def test_one_row_is_an_array_of_one() -> None:
    assert json.loads(written([{"a": 1}], "json", ("a",))) == [{"a": 1}]


def test_ndjson_is_an_object_per_line() -> None:
    assert written([{"a": 1}, {}], "ndjson", ("a",)) == '{"a": 1}\n{"a": null}\n'


def test_json_knows_every_value_a_database_may_hand_out() -> None:
    row: Row = {
        "nan": float("nan"),
        "dec": Decimal("1.5"),
        "day": date(2026, 1, 2),
        "raw": b"\xff",
        "many": [1],
        "odd": 1j,
    }
    expected = {"nan": None, "dec": 1.5, "day": "2026-01-02", "raw": "ff", "many": [1], "odd": "1j"}
    assert json.loads(written([row], "ndjson", tuple(row))) == expected


def test_json_carries_hostile_text_whole_but_harmless() -> None:
    title = "\x1b[2J\x9b\u202e\ud800 ソニック"
    text = written([{"title": title}], "json", ("title",))
    assert json.loads(text) == [{"title": title}]
    assert "ソニック" in text
    assert not {"\x1b", "\x9b", "\u202e", "\ud800"} & set(text)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0:00:00"),
        (timedelta(days=4), "96:00:00"),
        (timedelta(hours=1, minutes=2, seconds=3, microseconds=999_999), "1:02:03"),
        (-timedelta(minutes=90), "-1:30:00"),
        (timedelta(days=1_000_000), "24000000:00:00"),
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_a_length_of_time_is_hours_minutes_and_seconds_in_every_format(
    form: str, length: timedelta, words: str
) -> None:
    told = written([{"a": length}], form, ("a",))

    *_, last = told.rstrip('\n]}"').replace('"', " ").split()
    assert last == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (timedelta(days=4), '["96:00:00"]'),
        (AT, '["2026-11-20T12:00:00Z"]'),
        (Decimal("1.5"), "[1.5]"),
        (b"\xff", '["ff"]'),
        (float("nan"), "[null]"),
        ({"a": [date(2026, 1, 2), None]}, '[{"a": ["2026-01-02", null]}]'),
    ],
)
@pytest.mark.parametrize("form", ["ndjson", "csv", "tsv"])
def test_what_stands_in_a_list_is_written_like_what_stands_alone(
    form: str, value: object, words: str
) -> None:
    told = written([{"a": [value]}], form, ("a",))

    if form == "ndjson":
        assert told == f'{{"a": {words}}}\n'
        return
    lines = csv.reader(io.StringIO(told), delimiter="\t" if form == "tsv" else ",")
    assert list(lines) == [["a"], [words]]


def test_csv_quotes_where_it_must() -> None:
    line = '2026-11-20 12:00:00,"a, ""b""",3,0.25,true,'
    assert written([ROW], "csv") == f"time,title,n,share,is_so,none\n{line}\n"


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", *FULL_WIDTH])
@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_a_spreadsheet_is_given_no_formula(form: str, start: str) -> None:
    (_, [cell]) = csv.reader(written([{"a": start}], form, ("a",)).splitlines())
    assert cell.startswith("'")


def test_negative_numbers_are_no_formula() -> None:
    assert written([{"a": -1, "b": -0.5, "c": b"\x01"}], "csv", ("a", "b", "c")).endswith(
        "-1,-0.5,01\n"
    )


def test_tsv_has_no_tab_or_line_end_in_a_cell() -> None:
    assert written([{"a": "x\ty\nz", "b": "\x1b"}], "tsv", ("a", "b")) == "a\tb\nx y z\t\n"


@pytest.mark.parametrize("form", ["ndjson", "csv", "tsv"])
def test_rows_are_written_as_they_come(form: str) -> None:
    out = io.StringIO()

    def rows() -> Iterator[Row]:
        yield {"a": 1}
        assert "1" in out.getvalue()
        yield {"a": 2}

    render(rows(), ("a",), form, out)
    assert "2" in out.getvalue()


def test_a_table_off_a_terminal_is_whole_and_plain() -> None:
    text = written([{"notes": "word " * 100}], "table", ("notes",))
    assert max(map(len, text.splitlines())) > 400
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("name", "is_bold"), [("LANG", True), ("NO_COLOR", False)], ids=["colour", "no colour"]
)
def test_a_table_on_a_terminal_fits_and_has_a_bold_header(
    monkeypatch: pytest.MonkeyPatch, name: str, *, is_bold: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 24)))
    out = Terminal()
    render([{"notes": "word " * 100}], ("notes",), "table", out)
    header, *lines = out.getvalue().splitlines()
    assert header == ("\x1b[1mnotes\x1b[0m" if is_bold else "notes")
    assert max(map(len, lines)) <= 40


def test_only_a_terminal_has_a_width() -> None:
    assert terminal_width(io.StringIO()) is None
    assert terminal_width(Terminal()) is not None


def test_the_command_line_offers_every_format() -> None:
    assert tuple(FORMATS) == options.FORMATS
