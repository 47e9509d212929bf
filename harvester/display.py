"""The live display of a round on a terminal: what is being asked, how far it is, how long yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from harvester.backlog import Backlog
from harvester.harvest import Told
from harvester.text import one_line

REFRESHES: Final = 4  # per second
RECOUNTED: Final = 10  # seconds after which first listings are counted again
_MINUTE, _HOUR = 60, 3600


@dataclass
class Progress:
    """How far a round is.

    `requests` tells how many were sent so far, `rate` the pace, and `not_before` until when
    RA wants to be left alone, if it does. `count` counts how far the first listings of unlocks
    are, which takes a while where there are many.
    """

    requests: Callable[[], int]
    rate: Callable[[], float]
    monotonic: Callable[[], float]
    not_before: Callable[[], datetime | None] = lambda: None
    count: Callable[[], Backlog] = Backlog
    asking: str = "looking what is due"
    done: int = 0
    due_left: int = 0
    rows: int = 0
    backlog: Backlog = field(default_factory=Backlog)

    def __post_init__(self) -> None:
        self._began = self.monotonic()
        self._sent_before = self.requests()
        self._counted = -inf

    def hear(self, told: Told) -> None:
        """Take in what is being asked, or what came of it."""
        self.asking = f"asking {told.poll.job} {told.poll.target}"
        self.due_left = told.due_left()
        if told.attempt is not None:
            self.done += 1
            self.rows += told.changes.opened + told.changes.closed
        if told.poll.job == "unlocks" and self.monotonic() - self._counted >= RECOUNTED:
            self.backlog, self._counted = self.count(), self.monotonic()

    def seconds_left(self) -> float:
        """Estimate the time that what is due now still takes."""
        if self.backlog.requests_left:
            return self._seconds_of_requests()
        at_best = self.due_left / self.rate()
        if not self.done:
            return at_best
        return max(at_best, (self.monotonic() - self._began) / self.done * self.due_left)

    def _seconds_of_requests(self) -> float:
        """Go by requests: a first listing is one poll that takes many of them."""
        others = self.due_left - self.backlog.achievements_left
        left = max(others, 0) + self.backlog.requests_left
        sent = self.requests() - self._sent_before
        taken = (self.monotonic() - self._began) / sent if sent else 0.0
        return max(1 / self.rate(), taken) * left

    def line(self) -> str:
        """Say how far it is, the most important first: a narrow terminal cuts the end off."""
        counts = f"{self.done} done, {self.due_left} due"
        sent = f"{self.requests():,} requests | {self.rows:,} rows"
        return f"{counts}{self._left()}{self._listed()} | {sent}"

    def _listed(self) -> str:
        return "" if self.backlog.is_over else f" | backfill: {self.backlog}"

    def _left(self) -> str:
        until = self.not_before()
        if until is not None:
            return f", waiting until {until:%H:%M:%S} UTC, as RA asked"
        return f", about {spoken(self.seconds_left())} left" if self.due_left else ""


def spoken(seconds: float) -> str:
    """Say a duration roughly: "40 s", "3 min", "2.5 h"."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"


@contextmanager
def live(progress: Progress, console: Console | None = None) -> Iterator[None]:
    """Show the progress on stderr meanwhile, if that is a terminal; it is gone afterwards."""
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    spinner = Spinner("line")
    with Live(
        get_renderable=lambda: _picture(progress, spinner),
        console=console,
        refresh_per_second=REFRESHES,
        transient=True,
        redirect_stdout=False,
    ):
        yield


def _picture(progress: Progress, spinner: Spinner) -> RenderableType:
    spinner.update(text=_cut(one_line(progress.asking)))
    return Group(spinner, _cut(f"  {progress.line()}"))


def _cut(line: str) -> Text:
    return Text(line, no_wrap=True, overflow="ellipsis")
