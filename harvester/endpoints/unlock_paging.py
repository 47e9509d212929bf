"""How an unlock list is paged through without losing a row of it.

RA orders the list by date alone, and rows of one second change places between shallow and
deep pages. So each page begins at the first row of the tied second that ended the page
before: every second lies whole in one answer, and rows that do not overlap betray that the
list moved. A second that fills whole pages is read on its own until its distinct users are
as many as its places (`public/API/API_GetAchievementUnlocks.php`).
"""

from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from harvester.api.unlock_pages import UnlockPage, unlock_page
from harvester.endpoints.base import Ask, Get, Observation
from harvester.endpoints.unlock_rows import batches, handles, refs
from harvester.errors import Invalid
from harvester.store.rows import Changes, UserRef

PAGE = 500
MOST_ROWS = 2_000_000  # more than RA has players
NARROWER = (PAGE, 250, 100, 50)  # page sizes tried on a second that fills whole pages
GOING_BACK = 20  # times a listing may step back before it stops claiming to be whole

Step: TypeAlias = Generator[Observation, Changes | None, "Place"]


@dataclass(frozen=True)
class Place:
    """Where a listing stands; as JSON it is the cursor by which it is taken up again.

    `edge` are the users of the second `edge_at` that ended the last page.
    """

    offset: int = 0
    edge_at: datetime | None = None
    edge: frozenset[str] = frozenset()
    is_whole: bool = True
    steps_back: int = 0

    def as_json(self) -> dict[str, object]:
        """Write the place down."""
        edge_at = self.edge_at and self.edge_at.isoformat()
        return {**asdict(self), "edge_at": edge_at, "edge": sorted(self.edge)}

    @classmethod
    def from_json(cls, cursor: dict[str, Any]) -> "Place":
        """Take up a listing that was broken off: it completes rows but proves no absence."""
        edge_at = cursor["edge_at"] and datetime.fromisoformat(cursor["edge_at"])
        edge = frozenset(cursor["edge"])
        return cls(**{**cursor, "edge_at": edge_at, "edge": edge, "is_whole": False})


def page_at(get: Get, ask: Ask, offset: int, count: int = PAGE) -> UnlockPage:
    """Ask for one page; refuse to go on for ever where RA gives every offset the same answer."""
    if not has_end(Place(offset)):
        raise Invalid(f"achievement {ask.achievement}: a list that does not end")
    return get(unlock_page(ask.achievement, offset=offset, count=count))


def has_end(place: Place) -> bool:
    """Whether the list may still end; one that goes on beyond this is no list."""
    return place.offset <= MOST_ROWS


def is_past(ask: Ask, page: UnlockPage) -> bool:
    """Whether only recent rows are wanted, and the page goes further back."""
    if not ask.is_recent_only or ask.watched_from is None or not page.rows:
        return False
    return page.rows[-1].at < ask.watched_from


def fits(place: Place, page: UnlockPage) -> bool:
    """Tell whether a page goes on where the last one ended, with nothing lost between."""
    if place.offset == 0 or place.edge_at is None:
        return True
    return (
        bool(page.rows)
        and page.rows[0].at >= place.edge_at
        and (page.rows[0].at > place.edge_at or place.edge <= handles(page.rows))
    )


def onward(get: Get, ask: Ask, place: Place, page: UnlockPage, seen: set[UserRef]) -> Step:
    """Choose the next place: back where the list moved, else from the tied second on."""
    if not fits(place, page):
        return _back(place)
    last = page.rows[-1].at
    tied = [row for row in page.rows if row.at == last]
    if len(tied) < len(page.rows):
        offset = place.offset + len(page.rows) - len(tied)
        edge, back = handles(tied), 0 if _is_further(place, last) else place.steps_back
        return replace(place, offset=offset, edge_at=last, edge=edge, steps_back=back)
    return (yield from _through_tie(get, ask, place, last, seen))


def _is_further(place: Place, last: datetime) -> bool:
    """Whether a page ended further down than any before: else steps back must be numbered."""
    return place.edge_at is None or last < place.edge_at


def _back(place: Place) -> Place:
    """Step half a page back; a list that keeps moving is read on, but proves nothing."""
    if place.steps_back >= GOING_BACK:
        return replace(place, edge_at=None, edge=frozenset(), is_whole=False)
    return replace(place, offset=max(0, place.offset - PAGE // 2), steps_back=place.steps_back + 1)


def _through_tie(get: Get, ask: Ask, place: Place, second: datetime, seen: set[UserRef]) -> Step:
    """Read one second that fills whole pages, with ever smaller pages until it is complete."""
    for count in NARROWER:
        users, end = yield from _tie(get, ask, place, second, count)
        seen.update(users)
        is_whole = len(users) >= end - place.offset
        if is_whole:
            break
    is_whole &= place.is_whole
    return replace(place, offset=end - 1, edge_at=second, edge=frozenset(), is_whole=is_whole)


def _tie(
    get: Get, ask: Ask, place: Place, second: datetime, count: int
) -> Generator[Observation, Changes | None, tuple[set[UserRef], int]]:
    """Read all pages of one second; tell its users and the place where it ends."""
    users: set[UserRef] = set()
    offset = place.offset
    while True:
        page = page_at(get, ask, offset, count)
        rows = [row for row in page.rows if row.at == second]
        users.update(refs(rows))
        yield Observation(batches(ask, page.rows))
        is_over = len(page.rows) < count or page.rows[-1].at < second
        if is_over:
            older = [row for row in page.rows if row.at < second]
            return users, offset + len(page.rows) - len(older)
        offset += count
