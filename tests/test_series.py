from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.store import series
from harvester.store.series import Period, Span, Stretch

NOW = datetime(2026, 3, 31, 12, 30, 15, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ends(since: str, until: str, every: str) -> list[str]:
    spans = series.periods(day(since), day(until), series.parse_every(every))
    return [f"{span.until:%Y-%m-%d %H:%M}" for span in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", Period(length=timedelta(hours=1))),
        ("6h", Period(length=timedelta(hours=6))),
        (" 2D ", Period(length=timedelta(days=2))),
        ("1w", Period(length=timedelta(weeks=1))),
        ("1mo", Period(months=1)),
    ],
)
def test_a_period_is_a_number_and_a_unit(text: str, expected: Period) -> None:
    assert series.parse_every(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1", "1m", "d", "0d", "-1d", "1.5h", "1y", "\u0661d", "999999w"]
)
def test_a_period_that_is_none_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match='such as "6h", "1d"'):
        series.parse_every(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2026-03-01", day("2026-03-01")),
        ("2026-03-01T12:00", day("2026-03-01 12:00")),
        (" 2026-03-01 12:00:07 ", day("2026-03-01 12:00:07")),
        ("2026-03-01T12:00:07Z", day("2026-03-01 12:00:07")),
        ("2026-03-01 00:30+01:00", day("2026-02-28 23:30")),
        ("30d", NOW - timedelta(days=30)),
        ("6h", NOW - timedelta(hours=6)),
        ("2w", NOW - timedelta(weeks=2)),
        ("1mo", day("2026-02-28 12:30:15")),
        ("12mo", day("2025-03-31 12:30:15")),
    ],
)
def test_an_instant_is_a_date_a_time_or_an_age(text: str, expected: datetime) -> None:
    read = series.parse_instant(text, NOW)

    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-30", "20260301", "2026-W09", "2026-03-01 25:00", "30x", "99999mo"],
)
def test_an_instant_that_is_none_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match='such as "2026-03-01"'):
        series.parse_instant(text, NOW)


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31", "2100-01-01", "9000w"])
def test_an_instant_outside_of_living_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="between 1970 and 2099"):
        series.parse_instant(text, NOW)


def test_a_time_that_its_offset_carries_out_of_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a date"):
        series.parse_instant("0001-01-01 00:00+14:00", NOW)


def test_hours_begin_on_the_hour_and_the_last_period_ends_where_asked() -> None:
    assert ends("2026-03-01 10:20", "2026-03-01 12:40", "1h") == [
        "2026-03-01 11:00",
        "2026-03-01 12:00",
        "2026-03-01 12:40",
    ]


def test_six_hours_are_counted_from_midnight() -> None:
    assert ends("2026-03-01 01:00", "2026-03-01 12:00", "6h") == [
        "2026-03-01 06:00",
        "2026-03-01 12:00",
    ]


def test_weeks_begin_on_monday() -> None:
    assert ends("2026-03-04", "2026-03-17", "1w") == [
        "2026-03-09 00:00",
        "2026-03-16 00:00",
        "2026-03-17 00:00",
    ]


def test_months_begin_on_the_first_and_quarters_in_january() -> None:
    assert ends("2025-12-15", "2026-03-01", "1mo") == [
        "2026-01-01 00:00",
        "2026-02-01 00:00",
        "2026-03-01 00:00",
    ]
    assert ends("2025-11-15", "2026-05-01", "3mo") == [
        "2026-01-01 00:00",
        "2026-04-01 00:00",
        "2026-05-01 00:00",
    ]


def test_periods_touch_and_cover_the_range() -> None:
    since, until = day("2026-03-01 07:00"), day("2026-03-03 09:00")

    spans = series.periods(since, until, series.parse_every("1d"))

    assert spans == [
        Span(since, day("2026-03-02")),
        Span(day("2026-03-02"), day("2026-03-03")),
        Span(day("2026-03-03"), until),
    ]


@pytest.mark.parametrize("until", ["2026-03-01", "2026-02-01"])
def test_an_empty_range_is_refused(until: str) -> None:
    with pytest.raises(ValueError, match="nothing lies between 2026-03-01 00:00 and"):
        ends("2026-03-01", until, "1d")


def test_more_periods_than_anyone_could_read_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 100,000 periods"):
        ends("1970-01-01", "2026-03-01", "1h")


instants = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001 - the zone follows
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
lengths = st.builds("{}{}".format, st.integers(1, 500), st.sampled_from(["d", "w", "mo"]))


@given(st.tuples(instants, instants).filter(lambda two: two[0] != two[1]), lengths)
def test_the_bounds_of_periods_do_not_depend_on_the_range(
    two: tuple[datetime, datetime], length: str
) -> None:
    since, until = sorted(two)
    every = series.parse_every(length)

    spans = series.periods(since, until, every)

    assert (spans[0].since, spans[-1].until) == (since, until)
    assert all(one.until == two.since for one, two in pairwise(spans))
    assert all(every.after(one.since) == one.until for one in spans[:-1])
    assert all(every.after(span.until - timedelta(seconds=1)) == span.until for span in spans[:-1])


START = day("2026-01-01")
hours = st.integers(0, 60).map(lambda number: START + timedelta(hours=number))


@st.composite
def histories(draw: st.DrawFn) -> list[Stretch[int]]:
    """Rows of one key as the store keeps them: half-open, in order, perhaps with holes."""
    bounds = sorted(draw(st.sets(hours, max_size=12)))
    rows: list[Stretch[int]] = [
        (start, end, number) for number, (start, end) in enumerate(pairwise(bounds))
    ]
    kept = [row for row in rows if draw(st.booleans())]
    is_open = draw(st.booleans())
    return [*kept, (bounds[-1], None, -1)] if bounds and is_open else kept


def held_at(rows: list[Stretch[int]], at: datetime) -> int | None:
    holding = [value for start, end, value in rows if start <= at and (end is None or at < end)]
    return holding[0] if holding else None


@given(histories(), st.lists(hours, max_size=20).map(sorted))
def test_a_sample_is_what_a_search_through_all_rows_finds(
    rows: list[Stretch[int]], asked: list[datetime]
) -> None:
    assert series.sample(rows, asked) == [held_at(rows, at) for at in asked]


def local_ends(zone: str, since: str, until: str, every: str) -> list[str]:
    """Cut a stretch of UTC by the calendar of a zone; tell the ends by its clock."""
    spans = series.periods(day(since), day(until), series.parse_every(every), ZoneInfo(zone))
    return [f"{span.until.astimezone(ZoneInfo(zone)):%d %H:%M %z}" for span in spans]


def hours_of(zone: str, since: str, until: str, every: str) -> list[float]:
    spans = series.periods(day(since), day(until), series.parse_every(every), ZoneInfo(zone))
    return [(span.until - span.since) / timedelta(hours=1) for span in spans]


def test_a_day_has_23_or_25_hours_when_clocks_are_changed() -> None:
    assert hours_of("Europe/Berlin", "2026-03-27 23:00", "2026-03-30 22:00", "1d") == [24, 23, 24]
    assert hours_of("Europe/Berlin", "2026-10-23 22:00", "2026-10-26 23:00", "1d") == [24, 25, 24]
    assert hours_of("Australia/Lord_Howe", "2026-04-03 13:00", "2026-04-05 13:30", "1d") == [
        24,
        24.5,
    ]


def test_an_hour_that_the_clock_shows_twice_is_two_and_one_that_it_skips_is_none() -> None:
    assert local_ends("Europe/Berlin", "2026-10-24 23:00", "2026-10-25 03:00", "1h") == [
        "25 02:00 +0200",
        "25 02:00 +0100",
        "25 03:00 +0100",
        "25 04:00 +0100",
    ]
    assert local_ends("Europe/Berlin", "2026-03-28 23:00", "2026-03-29 02:00", "1h") == [
        "29 01:00 +0100",
        "29 03:00 +0200",
        "29 04:00 +0200",
    ]


def test_hours_are_those_of_a_zone_that_is_off_by_half_an_hour() -> None:
    assert local_ends("America/St_Johns", "2026-03-01 03:00", "2026-03-01 16:00", "6h") == [
        "01 00:00 -0330",
        "01 06:00 -0330",
        "01 12:00 -0330",
        "01 12:30 -0330",
    ]


def test_a_day_that_a_zone_left_out_has_no_period() -> None:
    ends = local_ends("Pacific/Apia", "2011-12-29 10:00", "2011-12-31 10:00", "1d")
    assert ends == ["31 00:00 +1400", "01 00:00 +1400"]


def test_months_are_those_of_a_zone_across_the_change() -> None:
    assert local_ends("Europe/Berlin", "2026-02-28 23:00", "2026-04-30 22:00", "1mo") == [
        "01 00:00 +0200",
        "01 00:00 +0200",
    ]


def test_the_same_period_has_the_same_bounds_wherever_a_range_begins() -> None:
    zone, every = ZoneInfo("America/St_Johns"), series.parse_every("1d")
    until, half = day("2010-11-09"), timedelta(minutes=30)  # clocks went back at 00:01
    whole = {span.until for span in series.periods(day("2010-11-06"), until, every, zone)}

    for place in range(100):
        since = day("2010-11-06") + place * half
        some = {span.until for span in series.periods(since, until, every, zone)}
        assert some == {at for at in whole if at > since}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29", "2026-03-28 23:00"),
        ("2026-07-01 12:00", "2026-07-01 10:00"),
        ("2026-07-01 12:00Z", "2026-07-01 12:00"),
        ("1mo", "2026-02-28 13:30:15"),
    ],
)
def test_dates_and_times_are_read_in_the_zone_asked_for(text: str, expected: str) -> None:
    assert series.parse_instant(text, NOW, ZoneInfo("Europe/Berlin")) == day(expected)


NUMBERS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


@given(NUMBERS, NUMBERS)
def test_spans_are_joined_met_and_taken_away_second_by_second(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    one, other = (
        series.joined(Span(*sorted(NOW + timedelta(seconds=at) for at in pair)) for pair in these)
        for these in (some, others)
    )

    mine, its = seconds(one), seconds(other)
    assert seconds(series.common(one, other)) == mine & its
    assert seconds(series.without(one, other)) == mine - its
    assert mine == {at for start, end in some for at in range(min(start, end), max(start, end))}


def seconds(spans: list[Span]) -> set[int]:
    """Tell the seconds after NOW that lie in spans, which must be in order and apart."""
    assert all(before.until < after.since for before, after in pairwise(spans))
    bounds = [((one.since - NOW).seconds, (one.until - NOW).seconds) for one in spans]
    return {at for start, end in bounds for at in range(start, end)}
