import pytest

from harvester import sparks


def test_a_series_is_scaled_from_its_least_to_its_most() -> None:
    assert "".join(sparks.bars([0, 1, 2, 3, 4, 5, 6, 7])) == sparks.BARS
    assert sparks.bars([-5, 100, 47.5]) == ["▁", "█", "▅"]


def test_what_is_not_known_has_no_bar() -> None:
    assert sparks.bars([1, None, 2, "x", True]) == ["▁", "", "█", "", ""]
    assert sparks.bars([None, None]) == ["", ""]
    assert sparks.bars([]) == []


def test_a_series_that_stands_still_is_half_as_high() -> None:
    assert sparks.bars([3, 3]) == ["▅", "▅"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "nonsense", None])
def test_where_bars_cannot_be_written_plain_marks_stand_for_them(encoding: str | None) -> None:
    assert sparks.marks_for(encoding) == sparks.ASCII_BARS
    assert sparks.bars([1, 2], sparks.marks_for(encoding)) == [".", "@"]
    assert sparks.marks_for("utf-8") == sparks.BARS
