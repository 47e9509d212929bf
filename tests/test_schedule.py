from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvester.schedule import (
    Clockwork,
    Cron,
    Every,
    OnChange,
    Schedule,
    cron_of,
    interval_seconds,
    looks_between,
    next_due,
    parse_duration,
    parse_schedule,
    readable,
    text_of,
)

GREENWICH = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/Havana", "Asia/Kathmandu")]

instants = st.integers(946_684_800, 4_102_444_800).map(
    lambda second: datetime.fromtimestamp(second, UTC)  # 2000 to 2100
)
intervals = st.integers(1, 40 * 86400).map(Every)
units = st.sampled_from("smhdw")


def due(
    schedule: Clockwork,
    at: datetime,
    due_at: datetime | None = None,
    *,
    target: str = "game 1",
    zone: ZoneInfo = GREENWICH,
) -> datetime:
    return next_due(schedule, at, due_at=due_at, target=target, timezone=zone)


def cron(text: str) -> Cron:
    schedule = parse_schedule(text)
    assert isinstance(schedule, Cron)
    return schedule


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local_firings(text: str, after: str, zone: ZoneInfo, count: int) -> list[str]:
    at, firings = utc(after), []
    for _ in range(count):
        at = due(cron(text), at, zone=zone)
        firings.append(at.astimezone(zone).isoformat())
    return firings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("6h", 21600), ("1d", 86400), ("2w", 1209600), (" 5m ", 300)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "m",
        "1.5h",
        "-1h",
        "1h30m",
        "1 h",
        "1M",
        "1y",
        "0s",
        "3651d",
        "999999999w",
        "٣m",
        "9" * 40,
    ],
)
def test_what_is_no_duration_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match='such as "90s", "30m"'):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("1m", Every(60)),
        ("600s", Every(600)),
        ("3650d", Every(3650 * 86400)),
        ("on-change", OnChange()),
        ("15 */6 * * *", Cron("15 */6 * * *")),
        ("  0  3 * *  mon-fri ", Cron("0 3 * * MON-FRI")),
        ("@daily", Cron("0 0 * * *")),
        ("@Weekly", Cron("0 0 * * 0")),
        ("0 0 29 2 *", Cron("0 0 29 2 *")),
    ],
)
def test_a_schedule_is_a_duration_a_cron_expression_or_on_change(
    text: str, schedule: Schedule
) -> None:
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must be a duration"),
        ("hourly", "must be a duration"),
        ("0s", "cron expression of five fields"),
        ("@reboot", "must be a duration"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("60 * * * *", "its minute makes no sense"),
        ("0 0 * * 8", "its day-of-week makes no sense"),
        ("0 0 30 2 *", "its day-of-month makes no sense"),
        ("0 0 */31 2 1#5", "never comes true"),
    ],
)
def test_what_is_no_schedule_is_told_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_schedule(text)


def test_sunday_is_0_and_7_and_sun() -> None:
    friday = utc("2026-01-02 12:00:00")

    found = {due(cron(f"0 0 * * {sunday}"), friday) for sunday in ("0", "7", "sun")}

    assert found == {utc("2026-01-04 00:00:00")}


def test_day_of_month_and_weekday_are_either_or() -> None:
    assert local_firings("0 0 13 * fri", "2026-02-07 00:00:00", GREENWICH, 3) == [
        "2026-02-13T00:00:00+00:00",
        "2026-02-20T00:00:00+00:00",
        "2026-02-27T00:00:00+00:00",
    ]
    assert local_firings("0 0 13 * fri", "2026-03-07 00:00:00", GREENWICH, 1) == [
        "2026-03-13T00:00:00+00:00"
    ]
    assert local_firings("0 0 13 * fri", "2026-04-11 00:00:00", GREENWICH, 2) == [
        "2026-04-13T00:00:00+00:00",
        "2026-04-17T00:00:00+00:00",
    ]


def test_a_time_that_the_spring_leaves_out_fires_when_the_gap_ends() -> None:
    assert local_firings("30 2 * * *", "2026-03-28 12:00:00", BERLIN, 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_the_autumn_repeats_fires_once() -> None:
    assert local_firings("30 2 * * *", "2026-10-24 12:00:00", BERLIN, 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_a_look_in_the_repeated_hour_does_not_send_the_next_one_back() -> None:
    second_pass = "2026-10-25 01:10:00"  # 02:10 for the second time

    assert local_firings("30 2 * * *", second_pass, BERLIN, 1) == ["2026-10-26T02:30:00+01:00"]


def test_every_hour_goes_on_through_the_repeated_hour() -> None:
    assert local_firings("30 * * * *", "2026-10-25 00:00:00", BERLIN, 3) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:30:00+01:00",
    ]


def test_cron_is_never_shifted_whatever_was_due_before() -> None:
    at = utc("2026-01-01 05:17:03")

    found = {
        due(cron("15 */6 * * *"), at, due_at, target=target)
        for due_at in (None, utc("2026-01-01 00:15:00"), utc("2026-01-03 00:00:00"))
        for target in ("a", "b", "c")
    }

    assert found == {utc("2026-01-01 06:15:00")}


@given(st.integers(0, 59), st.integers(0, 23), instants)
def test_cron_agrees_with_counting_minutes(minute: int, hour: int, at: datetime) -> None:
    start = at.replace(second=0) + timedelta(minutes=1)
    minutes = (start + timedelta(minutes=count) for count in range(1441))
    expected = next(one for one in minutes if (one.minute, one.hour) == (minute, hour))

    assert due(Cron(f"{minute} {hour} * * *"), at) == expected


@given(
    st.sampled_from(["*/15 * * * *", "30 2 * * *", "0,59 1-3 * * *", "0 0 1 * SUN", "5 0 * * *"]),
    st.sampled_from(ZONES),
    instants,
)
def test_cron_fires_strictly_later_and_in_utc(text: str, zone: ZoneInfo, at: datetime) -> None:
    first = due(Cron(text), at, zone=zone)

    assert first > at
    assert first.tzinfo is UTC
    assert due(Cron(text), first - timedelta(seconds=1), zone=zone) == first


@given(intervals, instants, st.text(max_size=20))
def test_after_the_first_look_an_interval_is_shortened_by_at_most_half(
    every: Every, at: datetime, target: str
) -> None:
    distance = (due(every, at, target=target) - at).total_seconds()

    assert max(1, every.seconds / 2) <= distance <= every.seconds


@given(intervals, instants, instants)
def test_the_next_look_is_on_the_grid_and_never_further_than_one_interval(
    every: Every, at: datetime, due_at: datetime
) -> None:
    found = due(every, at, due_at)

    assert at < found <= at + timedelta(seconds=every.seconds)
    assert (found - due_at).total_seconds() % every.seconds == 0


def test_a_late_look_skips_the_intervals_it_missed() -> None:
    late = utc("2026-01-01 13:05:00")

    assert due(Every(3600), late, utc("2026-01-01 10:20:00")) == utc("2026-01-01 13:20:00")


def test_a_look_exactly_on_time_is_due_again_one_interval_later() -> None:
    at = utc("2026-01-01 10:20:00")

    assert due(Every(3600), at, at) == utc("2026-01-01 11:20:00")


def test_a_look_asked_for_early_does_not_postpone_the_next() -> None:
    early = utc("2026-01-01 10:05:00")

    assert due(Every(3600), early, utc("2026-01-01 10:20:00")) == utc("2026-01-01 10:20:00")


def test_a_thousand_targets_spread_evenly_over_half_the_interval() -> None:
    at = utc("2026-01-01 00:00:00")
    shares = [
        at + timedelta(hours=1) - due(Every(3600), at, target=f"game {n}") for n in range(1000)
    ]

    per_tenth = Counter(share // timedelta(minutes=3) for share in shares)

    assert set(per_tenth) <= set(range(11))
    assert all(60 <= per_tenth[tenth] <= 140 for tenth in range(10))


def test_a_target_keeps_its_share_over_restarts() -> None:
    # A literal, because hash() would differ from one process to the next.
    at = utc("2026-01-01 00:00:00")

    assert due(Every(3600), at, target="game 1") == utc("2026-01-01 00:53:10")


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [(Every(90), 90), (Cron("0 * * * *"), 3600), (Cron("0 9,17 * * *"), 8 * 3600)],
)
def test_the_interval_is_the_distance_of_the_next_two_due_times(
    schedule: Clockwork, seconds: int
) -> None:
    assert interval_seconds(schedule, utc("2026-01-01 05:00:00"), GREENWICH) == seconds


def test_the_interval_of_a_daily_time_is_an_hour_shorter_in_spring() -> None:
    assert interval_seconds(Cron("0 4 * * *"), utc("2026-03-27 12:00:00"), BERLIN) == 23 * 3600


@given(st.integers(1, 500), units)
def test_what_is_readable_means_the_same(number: int, unit: str) -> None:
    schedule = parse_schedule(f"{number}{unit}")

    assert parse_schedule(readable(schedule)) == schedule
    assert parse_schedule(text_of(schedule)) == schedule


def test_other_spellings_have_the_same_text() -> None:
    assert {text_of(parse_schedule(text)) for text in ("1h", "60m", "3600s")} == {"3600s"}
    assert text_of(parse_schedule("0 3 * *  mon")) == "0 3 * * MON"
    assert text_of(OnChange()) == "on-change"
    assert readable(parse_schedule("120m")) == "2h"


@given(instants, st.sampled_from(ZONES))
def test_following_the_due_times_visits_every_firing(at: datetime, zone: ZoneInfo) -> None:
    assume(at.year < 2099)
    firings = [at]
    for _ in range(5):
        firings.append(due(Cron("*/20 * * * *"), firings[-1], zone=zone))

    gaps = {later - earlier for earlier, later in pairwise(firings[1:])}

    assert gaps == {timedelta(minutes=20)}


@pytest.mark.parametrize(
    ("schedule", "looks"),
    [
        (Every(3600), 48),
        (Every(5 * 3600), 9.6),
        (Cron("15 6,18 * * *"), 4),
        (Cron("0 0 1 * *"), 0),
        (Cron("0 12 * * *"), 2),  # the last instant counts, the first does not
    ],
)
def test_looks_are_counted_for_cron_and_a_mean_for_durations(
    schedule: Clockwork, looks: float
) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert looks_between(schedule, noon, noon + timedelta(days=2), GREENWICH) == looks


def test_a_cron_expression_is_found_again_in_what_a_poll_keeps_of_its_schedule() -> None:
    assert cron_of("15 6,18 * * MON") == Cron("15 6,18 * * MON")
    assert cron_of("15 6,18 * * MON, full") == Cron("15 6,18 * * MON")
    assert [cron_of(text) for text in ("3600s", "3600s, full", "on-change, sweep 7d")] == [None] * 3
