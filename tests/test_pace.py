import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.api.pace import Pacer, backoff, retry_after

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
A_DAY = 86_400


@dataclass
class FakeTime:
    """A monotonic clock that only waiting moves."""

    seconds: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Tell the time."""
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.seconds += seconds


def paced(time: FakeTime, rate: float = 1.0, burst: int = 4) -> Pacer:
    return Pacer(rate, burst, time.monotonic, time.wait)


def resume(pacer: Pacer, factor: float) -> None:
    pacer.resume(factor, quiet_since_at=None, asked_at=None)


def test_a_burst_passes_at_once_and_then_one_a_second() -> None:
    time = FakeTime()
    pacer = paced(time)
    for _ in range(6):
        pacer.take()
    assert time.waits == pytest.approx([1.0, 1.0])


def test_the_burst_comes_back_while_nothing_is_asked() -> None:
    time = FakeTime()
    pacer = paced(time, rate=2.0, burst=2)
    for _ in range(3):
        pacer.take()
    time.seconds += 100
    for _ in range(3):
        pacer.take()
    assert time.waits == pytest.approx([0.5, 0.5])


@given(
    rate=st.floats(0.1, 50),
    burst=st.integers(1, 10),
    pauses=st.lists(st.floats(0, 5), min_size=2, max_size=60),
)
def test_no_stretch_of_time_sees_more_than_burst_and_rate_allow(
    rate: float, burst: int, pauses: list[float]
) -> None:
    time = FakeTime()
    pacer, starts = paced(time, rate, burst), []
    for pause in pauses:
        time.seconds += pause
        pacer.take()
        starts.append(time.seconds)
    for first, begin in enumerate(starts):
        for last, end in enumerate(starts[first:], first):
            assert last - first + 1 <= burst + rate * (end - begin) + 1e-6


def test_a_429_halves_the_pace_and_takes_the_burst_away() -> None:
    time = FakeTime()
    pacer = paced(time)
    pacer.slow_down()
    pacer.take()
    pacer.take()
    assert time.waits == pytest.approx([2.0, 2.0])


def test_the_pace_never_falls_below_a_sixteenth() -> None:
    pacer = paced(FakeTime())
    seen = []
    for _ in range(6):
        pacer.slow_down()
        seen.append(pacer.factor)
    assert seen == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16, 1 / 16]


def test_the_pace_doubles_after_every_quarter_of_an_hour_without_a_429() -> None:
    time = FakeTime()
    pacer = paced(time)
    resume(pacer, 1 / 4)
    time.seconds += 899
    assert pacer.factor == 1 / 4
    time.seconds += 1
    assert pacer.factor == 1 / 2
    time.seconds += 900
    assert pacer.factor == 1
    time.seconds += 100_000
    assert pacer.factor == 1


def test_a_429_begins_the_quarter_of_an_hour_anew() -> None:
    time = FakeTime()
    pacer = paced(time)
    pacer.slow_down()
    time.seconds += 600
    pacer.slow_down()
    time.seconds += 600
    assert pacer.factor == 1 / 4


def test_a_slow_pace_is_remembered_but_no_faster_one_than_configured() -> None:
    pacer = paced(FakeTime())
    resume(pacer, 1 / 8)
    assert pacer.factor == 1 / 8
    resume(pacer, 5)
    assert pacer.factor == 1
    resume(pacer, 0)
    assert pacer.factor == 1 / 16


def test_a_pace_is_taken_up_where_an_earlier_process_left_it() -> None:
    time = FakeTime()
    pacer = Pacer(2.0, 4, time.monotonic, time.wait, began_at=NOW)
    quiet_since_at = NOW - timedelta(minutes=40)
    pacer.resume(1 / 16, quiet_since_at=quiet_since_at, asked_at=NOW - timedelta(seconds=16))
    assert pacer.factor == 1 / 4
    assert pacer.quiet_since_at == quiet_since_at + timedelta(minutes=30)
    pacer.take()
    pacer.take()
    pacer.take()
    assert time.waits == pytest.approx([2.0])


def test_a_full_pace_was_never_told_to_slow_down() -> None:
    time = FakeTime()
    pacer = Pacer(1.0, 4, time.monotonic, time.wait, began_at=NOW)
    resume(pacer, 1 / 2)
    time.seconds += 900
    assert pacer.quiet_since_at is None


def test_a_pace_taken_up_again_and_again_within_seconds_does_not_recover_sooner() -> None:
    at, quiet_since_at = NOW, NOW - timedelta(seconds=1)
    for number in range(899):
        time = FakeTime(seconds=number / 7)
        pacer = Pacer(1.0, 4, time.monotonic, time.wait, began_at=at)
        pacer.resume(1 / 2, quiet_since_at=quiet_since_at, asked_at=None)
        time.seconds += 0.9
        assert (pacer.factor, pacer.quiet_since_at) == (1 / 2, quiet_since_at)
        at += timedelta(seconds=1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999999999", A_DAY),
        ("Sat, 01 Aug 2026 12:01:30 GMT", 90),
        ("Sat, 01 Aug 2026 12:01:30 -0000", 90),
        ("Sat, 01 Aug 2026 14:01:30 +0200", 90),
        ("Sat, 01 Aug 2026 11:00:00 GMT", 0),
        ("Sat, 01 Aug 2099 12:00:00 GMT", A_DAY),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("Sat, 01 Aug 99999999999 12:00:00 GMT", None),
        ("Sat, 01 Aug 2026 12:00:00 +99999999999999", None),
        ("٣", None),
    ],
    ids=repr,
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.integers(0, 1000))
def test_the_wait_doubles_from_a_minute_to_a_quarter_of_an_hour(seed: int) -> None:
    full = [60, 120, 240, 480, 900, 900]
    for times, longest in enumerate(full, 1):
        assert 0.8 * longest <= backoff(times, random.Random(seed)) <= longest
    assert backoff(10_000, random.Random(seed)) <= 900


def test_the_wait_differs_from_client_to_client() -> None:
    assert len({backoff(1, random.Random(seed)) for seed in range(9)}) == 9
