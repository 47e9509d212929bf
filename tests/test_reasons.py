"""The weightiest reason of every moment of a hole, over layers that nobody thought of."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harvester.store import reasons
from harvester.store.polls import ROUTINE
from harvester.store.reasons import UNASKED, Hole, Known
from harvester.store.series import Span

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LENGTH = 40
WORDS = ("budget", "API unavailable", "rate-limited")

ends = st.tuples(st.integers(-5, LENGTH + 5), st.integers(-5, LENGTH + 5)).filter(
    lambda both: both[0] < both[1]
)
layers = st.lists(st.tuples(ends, st.sampled_from(WORDS)), max_size=8)


def span(since: int, until: int) -> Span:
    return Span(NOW + since * MINUTE, NOW + until * MINUTE)


@given(layers)
def test_what_comes_later_is_on_top_at_every_moment(
    drawn: list[tuple[tuple[int, int], str]],
) -> None:
    painted = reasons._painted(span(0, LENGTH), [(span(*both), why) for both, why in drawn])
    told = [
        why for stretch, why in painted for _ in range((stretch.until - stretch.since) // MINUTE)
    ]
    expected = []
    for minute in range(LENGTH):
        over = [why for (since, until), why in drawn if since <= minute < until]
        expected.append(over[-1] if over else None)
    assert told == expected
    assert all(one[1] != other[1] for one, other in pairwise(painted))


@given(layers, st.integers(1, 2 * LENGTH))
def test_every_moment_of_a_hole_has_one_reason_and_neighbours_differ(
    drawn: list[tuple[tuple[int, int], str]], promised: int
) -> None:
    kept = {(ROUTINE, f"{number}"): [span(*both)] for number, (both, _) in enumerate(drawn)}
    hole = Hole(1, span(0, LENGTH), promised * MINUTE, ROUTINE, is_first=False)
    told = reasons.explained(hole, Known([], kept, {}))
    assert told[0][0].since == hole.span.since
    assert told[-1][0].until == hole.span.until
    for (one, why), (other, next_why) in pairwise(told):
        assert one.until == other.since
        assert why != next_why
    unasked = [one.until - one.since for one, why in told if why == UNASKED]
    assert all(long > 1.5 * promised * MINUTE for long in unasked) or len(told) == 1
