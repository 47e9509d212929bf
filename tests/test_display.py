import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from harvester.backlog import Backlog
from harvester.display import Progress, live, spoken
from harvester.harvest import Told
from harvester.store.evidence import Attempt
from harvester.store.polls import Poll
from harvester.store.rows import Changes
from harvester.tally import Tally

AT = datetime(2026, 3, 1, tzinfo=UTC)
POLL = Poll(
    id=1,
    job="unlocks",
    target="achievement 7\x1b[2J",
    game_id=1,
    achievement_id=7,
    asked_as=None,
    user_id=None,
    watched_from=AT,
    watched_to=None,
    priority=0,
    schedule="3600s",
    interval_seconds=3600,
    due_at=AT,
    last_attempt_at=None,
    last_ok_at=None,
    listed_at=None,
    token=None,
    failures=0,
    denied=None,
    last_fetch_id=None,
    last_error=None,
    gone_at=None,
    cursor=None,
    fetch_id=None,
)
ASKING = Told(POLL, lambda: 30)
DONE = Told(POLL, lambda: 20, Changes(5, 1), Attempt("changed", AT, 2))


class Watch:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def progress(watch: Watch) -> Progress:
    return Progress(requests=lambda: 1234, rate=lambda: 0.5, monotonic=watch)


def test_before_anything_is_done_the_pace_tells_the_time_left(progress: Progress) -> None:
    progress.hear(ASKING)
    assert progress.line() == "0 done, 30 due, about 1 min left | 1,234 requests | 0 rows"


def test_what_polls_took_so_far_tells_the_time_left(progress: Progress, watch: Watch) -> None:
    progress.hear(ASKING)
    watch.seconds = 600
    progress.hear(DONE)
    assert progress.line() == "1 done, 20 due, about 3.3 h left | 1,234 requests | 6 rows"


def test_while_ra_wants_no_request_the_line_says_until_when(watch: Watch) -> None:
    progress = Progress(lambda: 7, lambda: 1.0, watch, not_before=lambda: AT.replace(minute=15))
    progress.hear(ASKING)
    assert progress.line() == (
        "0 done, 30 due, waiting until 00:15:00 UTC, as RA asked | 7 requests | 0 rows"
    )


def test_first_listings_are_told_and_their_requests_count(watch: Watch) -> None:
    sent, backlogs = iter((0, 40, 40)), iter((Backlog(9, 2, 5000, 1000, 60), Backlog(9, 9)))
    progress = Progress(lambda: next(sent), lambda: 0.5, watch, count=lambda: next(backlogs))
    progress.hear(ASKING)
    watch.seconds = 5  # too early to count again
    progress.hear(DONE)
    watch.seconds = 160
    told = "2 of 9 achievements, 1,000 of 5,000 rows; 60 requests left"
    assert progress.line() == (
        f"1 done, 20 due, about 5 min left | backfill: {told} | 40 requests | 6 rows"
    )
    progress.hear(DONE)
    assert progress.backlog.is_over


def test_the_pace_tells_how_long_first_listings_take_at_best(watch: Watch) -> None:
    progress = Progress(lambda: 0, lambda: 0.5, watch, count=lambda: Backlog(9, 2, 0, 0, 87))
    progress.hear(ASKING)  # 30 due, of which 7 are lists
    assert progress.seconds_left() == (87 + 23) / 0.5


def test_at_the_end_there_is_no_time_left(progress: Progress) -> None:
    progress.hear(replace(DONE, due_left=lambda: 0))
    assert progress.line() == "1 done, 0 due | 1,234 requests | 6 rows"


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (150, "2 min"), (9000, "2.5 h")])
def test_durations_are_spoken_roughly(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_off_a_terminal_nothing_is_shown(progress: Progress) -> None:
    out = io.StringIO()
    with live(progress, Console(file=out)):
        progress.hear(ASKING)
    assert out.getvalue() == ""


@pytest.mark.parametrize("width", [80, 40])
def test_on_a_terminal_two_lines_that_fit_say_how_far_it_is(progress: Progress, width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None)
    with live(progress, console):
        progress.hear(DONE)
    assert "asking unlocks achievement 7" in out.getvalue()
    assert "1 done, 20 due" in out.getvalue()
    assert "7\x1b[2J" not in out.getvalue()
    pictured = out.getvalue().replace("\r", "\n").splitlines()
    assert max(len(line) for line in pictured if "done" in line and "\x1b" not in line) <= width


def test_a_tally_counts_by_job_and_knows_a_refusal() -> None:
    tally = Tally()
    for told in (ASKING, DONE, ASKING):
        tally.hear(told)
    failed = replace(DONE, attempt=Attempt("invalid", AT, 1), changes=Changes())
    tally.hear(failed)
    tally.refuse(requests=4)
    (row,) = tally.rows()
    counts = {"changed": 1, "unchanged": 0, "failed": 2, "requests": 4, "opened": 5, "closed": 1}
    assert row == {"job": "unlocks", "polls": 3, **counts}
    assert (tally.polls, tally.failed, tally.requests) == (3, 2, 4)
    assert tally.first_failure is failed
