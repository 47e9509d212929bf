"""Reading the head of an unlock list, just as far down as something may be new.

An unlock may be backdated by 14 days (offline play), so known rows prove only then that
nothing is new below them when they are older than the last successful reading of the head
by a day more than that. Rows that came below (copied in with old dates) are the sweep's.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from harvester.api.unlock_pages import Unlock, UnlockPage
from harvester.endpoints.base import Ask, Get, Observation
from harvester.endpoints.unlock_paging import PAGE, Place, is_past, onward, page_at
from harvester.endpoints.unlock_rows import Rows, batches, refs
from harvester.store.rows import Changes, UserRef

BACKDATED = timedelta(days=15)  # an unlock may come in 14 days late
OVERLAP = 20  # known rows that must follow on each other before the rest is believed to be known
TRIES = 3  # readings of a head that moved meanwhile, before the next poll takes it up


@dataclass(frozen=True)
class Head:
    """The head of a list at its last reading: how many rows there were of the last 15 days.

    `token` are the counters that the list had then, `at` is when the reading began.
    """

    at: datetime
    recent: int
    token: str

    def as_json(self) -> dict[str, object]:
        """Write down what the next reading has to know (the token is kept with the plan)."""
        return {"head_at": self.at.isoformat(), "recent": self.recent}

    @classmethod
    def from_json(cls, memory: dict[str, Any], token: str) -> "Head":
        """Take up what the last reading left."""
        return cls(datetime.fromisoformat(memory["head_at"]), memory["recent"], token)


def token_of(unlocks: int | None, unlocks_hardcore: int | None) -> str:
    """Write the two counters of an achievement as one word: when it moves, so did the list."""
    return f"{unlocks or 0}/{unlocks_hardcore or 0}"


def token_on(page: UnlockPage) -> str:
    """Tell the counters that a page shows."""
    hardcore = page.unlocks_hardcore
    return token_of(page.unlocks, hardcore if isinstance(hardcore, int) else None)


def growth(before: str, after: str) -> int:
    """Tell how many rows can have come to the head, by new unlocks and by upgrades."""
    pairs = zip(counters_of(before), counters_of(after), strict=True)
    return sum(max(0, now - then) for then, now in pairs)


def counters_of(token: str) -> tuple[int, int]:
    """Read the counters of a token: unlocks, and those in hardcore."""
    unlocks, hardcore = token.split("/")
    return int(unlocks), int(hardcore)


def head_on(ask: Ask, page: UnlockPage) -> Head:
    """Tell how the first page of a list shows its head: 500 rows say as much as more."""
    return Head(ask.at, _recent(ask, page.rows), token_on(page))


def _recent(ask: Ask, rows: Iterable[Unlock]) -> int:
    return sum(row.at >= ask.at - BACKDATED for row in rows)


def read(
    get: Get, ask: Ask, since: Head, token: str, seen: set[UserRef]
) -> Generator[Observation, Changes | None, Head]:
    """Read the head, again where it moved meanwhile; tell what it was like.

    `token` are the counters as last told, which say how many rows to expect; the users of
    all rows are added to `seen`. Cost: one page, unless more came than the counters say.
    """
    head = since
    for _ in range(TRIES):
        expected = growth(head.token, token) + head.recent + OVERLAP
        head, token = yield from _once(get, ask, head, min(PAGE, expected), seen)
        if head.token == token:
            break
    return head


def _once(
    get: Get, ask: Ask, since: Head, count: int, seen: set[UserRef]
) -> Generator[Observation, Changes | None, tuple[Head, str]]:
    """Read the head once; tell what it was like, and the counters when it was over."""
    pages, told, known = list[UnlockPage](), dict[tuple[str, datetime], Unlock](), 0
    place, until = Place(), since.at - BACKDATED
    while True:
        pages.append(page_at(get, ask, place.offset, count))
        fresh = {(row.ulid or row.name, row.at): row for row in pages[-1].rows}
        fresh = {key: row for key, row in fresh.items() if key not in told}
        told |= fresh
        seen.update(refs([*fresh.values()]))
        changes = yield Observation(batches(ask, [*fresh.values()]))
        known = _known([*fresh.values()], changes, until, before=known)
        if known >= OVERLAP or _is_over(ask, pages[-1], count):
            break
        place, count = (yield from onward(get, ask, place, pages[-1], seen)), PAGE
    head = Head(ask.at, _recent(ask, told.values()), token_on(pages[0]))
    return head, token_on(pages[-1])


def _known(rows: Rows, changes: Changes | None, until: datetime, *, before: int) -> int:
    """Count the rows, last and one after the other, that are known and older than `until`."""
    tail = min(0 if changes is None else changes.known_tail, len(rows))
    older = sum(row.at < until for row in rows[len(rows) - tail :])
    return older + (before if tail == len(rows) else 0)


def _is_over(ask: Ask, page: UnlockPage, count: int) -> bool:
    """Whether the list ends here, or what is below is not wanted now."""
    if len(page.rows) < count or is_past(ask, page):
        return True
    return ask.listed_from_at is not None and page.rows[-1].at <= ask.listed_from_at
