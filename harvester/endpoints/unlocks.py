"""`unlocks`: who unlocked an achievement, read completely and without duplicates.

RA orders the list by date alone, and rows of one second change places between shallow and
deep pages. So each page begins at the first row of the tied second that ended the page
before: every second lies whole in one answer, and rows that do not overlap betray that the
list moved. A second that fills whole pages is read on its own until its distinct users are
as many as its places. The end is a short page, never a counter: counters leave out players
who are not ranked, lists do not (`public/API/API_GetAchievementUnlocks.php`).

Counters only tell whether to read again. An unlock may be backdated into a part that was
already read, so counters that moved meanwhile are believed only as far as the rows that came
to the head account for them; else the list is read again, until it holds still.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from harvester.api import payloads
from harvester.endpoints.base import Ask, Get, Observation
from harvester.endpoints.unlock_rows import Rows, batches, handles, refs
from harvester.errors import Invalid
from harvester.store.rows import Listing, UserRef

PAGE = 500
MOST_ROWS = 2_000_000  # more than RA has players
NARROWER = (PAGE, 250, 100, 50)  # page sizes tried on a second that fills whole pages
GOING_BACK = 20  # times a listing may step back before it stops claiming to be whole


@dataclass(frozen=True)
class Place:
    """Where a listing stands; as JSON it is the cursor by which it is taken up again.

    `edge` are the users of the second `edge_at` that ended the last page, `head_at` and
    `head_token` the newest second and the counters when the head was read last, `token` the
    newest counters of which every unlock is known to have been read.
    """

    offset: int = 0
    edge_at: datetime | None = None
    edge: frozenset[str] = frozenset()
    head_at: datetime | None = None
    head_token: str = ""
    token: str = ""
    is_whole: bool = True
    steps_back: int = 0

    def as_json(self) -> dict[str, object]:
        """Write the place down."""
        at = {name: getattr(self, name) for name in ("edge_at", "head_at")}
        stamps = {name: value and value.isoformat() for name, value in at.items()}
        return {**asdict(self), **stamps, "edge": sorted(self.edge)}

    @classmethod
    def from_json(cls, cursor: dict[str, Any]) -> "Place":
        """Take up a listing that was broken off: it completes rows but proves no absence."""
        at = {name: cursor[name] for name in ("edge_at", "head_at")}
        stamps = {name: value and datetime.fromisoformat(value) for name, value in at.items()}
        return cls(**{**cursor, **stamps, "edge": frozenset(cursor["edge"]), "is_whole": False})


def observe(get: Get, cursor: Any, ask: Ask) -> Iterator[Observation]:  # noqa: ANN401 - JSON
    """Read the list page by page, each a durable step; then its head again if it moved.

    A listing taken up again reads the head first: a page that keeps failing further down
    must not hide new unlocks. One that got no further than the first page begins anew.
    """
    place, seen = Place(), set[UserRef]()
    if cursor and 0 < cursor["offset"] <= MOST_ROWS:
        place = yield from _head(get, ask, Place.from_json(cursor), seen)
    place, page = yield from _pages(get, ask, place, seen)
    rows = page.rows
    if place.head_token != _token(page):
        yield Observation(batches(ask, rows), cursor=place.as_json())
        place, rows = (yield from _head(get, ask, place, seen)), ()
    yield _finished(ask, place, rows, seen)


def _pages(
    get: Get, ask: Ask, place: Place, seen: set[UserRef]
) -> Generator[Observation, None, tuple[Place, payloads.UnlockPage]]:
    """Read from a place to the end of the list; tell the last page, which is not yet kept."""
    while True:
        page = _page(get, ask, place.offset)
        seen.update(refs(page.rows))
        place = _begun(place, page)
        if _is_finished(place, page, ask):
            return place, page
        yield Observation(batches(ask, page.rows), cursor=place.as_json())
        place = yield from _onward(get, ask, place, page, seen)


def _page(get: Get, ask: Ask, offset: int, count: int = PAGE) -> payloads.UnlockPage:
    """Ask for one page; refuse to go on for ever where RA gives every offset the same answer."""
    if offset > MOST_ROWS:
        raise Invalid(f"achievement {ask.achievement}: a list that does not end")
    return get(payloads.unlock_page(ask.achievement, offset=offset, count=count))


def token_of(unlocks: int | None, unlocks_hardcore: int | None) -> str:
    """Write the two counters of an achievement as one word: when it moves, so did the list."""
    return f"{unlocks or 0}/{unlocks_hardcore or 0}"


def _token(page: payloads.UnlockPage) -> str:
    hardcore = page.unlocks_hardcore
    return token_of(page.unlocks, hardcore if isinstance(hardcore, int) else None)


def _begun(place: Place, page: payloads.UnlockPage) -> Place:
    """Remember the head and the counters that the first page showed."""
    if place.token:
        return place
    head_at = page.rows[0].at if page.rows else None
    token = _token(page)
    return replace(place, token=token, head_token=token, head_at=head_at)


def _is_finished(place: Place, page: payloads.UnlockPage, ask: Ask) -> bool:
    """Stop on a short page that fits on to the last, or where only recent rows are wanted."""
    if not _fits(place, page):
        return False
    return len(page.rows) < PAGE or _is_past(page, ask)


def _is_past(page: payloads.UnlockPage, ask: Ask) -> bool:
    if not ask.is_recent_only or ask.watched_from is None or not page.rows:
        return False
    return page.rows[-1].at < ask.watched_from


def _fits(place: Place, page: payloads.UnlockPage) -> bool:
    """Tell whether a page goes on where the last one ended, with nothing lost between."""
    if place.offset == 0 or place.edge_at is None:
        return True
    return (
        bool(page.rows)
        and page.rows[0].at >= place.edge_at
        and (page.rows[0].at > place.edge_at or place.edge <= handles(page.rows))
    )


def _onward(
    get: Get, ask: Ask, place: Place, page: payloads.UnlockPage, seen: set[UserRef]
) -> Generator[Observation, None, Place]:
    """Choose the next page: back where the list moved, else from the tied second on."""
    if not _fits(place, page):
        return _back(place)
    last = page.rows[-1].at
    tied = [row for row in page.rows if row.at == last]
    if len(tied) < len(page.rows):
        edge = handles(tied)
        return replace(place, offset=place.offset + PAGE - len(tied), edge_at=last, edge=edge)
    return (yield from _through_tie(get, ask, place, last, seen))


def _back(place: Place) -> Place:
    """Step half a page back; a list that keeps moving is read on, but proves nothing."""
    if place.steps_back >= GOING_BACK:
        return replace(place, edge_at=None, edge=frozenset(), is_whole=False)
    return replace(place, offset=max(0, place.offset - PAGE // 2), steps_back=place.steps_back + 1)


def _through_tie(
    get: Get, ask: Ask, place: Place, second: datetime, seen: set[UserRef]
) -> Generator[Observation, None, Place]:
    """Read one second that fills whole pages, with ever smaller pages until it is complete."""
    for count in NARROWER:
        users, end = yield from _tie(get, ask, place, second, count)
        seen.update(users)
        is_whole = len(users) >= end - place.offset
        if is_whole:
            break
    return replace(
        place,
        offset=end - 1,
        edge_at=second,
        edge=frozenset(),
        is_whole=place.is_whole and is_whole,
    )


def _tie(
    get: Get, ask: Ask, place: Place, second: datetime, count: int
) -> Generator[Observation, None, tuple[set[UserRef], int]]:
    """Read all pages of one second; tell its users and the place where it ends."""
    users: set[UserRef] = set()
    offset = place.offset
    while True:
        page = _page(get, ask, offset, count)
        rows = [row for row in page.rows if row.at == second]
        users.update(refs(rows))
        yield Observation(batches(ask, page.rows), cursor=place.as_json())
        is_over = len(page.rows) < count or page.rows[-1].at < second
        if is_over:
            older = [row for row in page.rows if row.at < second]
            return users, offset + len(page.rows) - len(older)
        offset += count


def _head(
    get: Get, ask: Ask, place: Place, seen: set[UserRef]
) -> Generator[Observation, None, Place]:
    """Read the head down to where it was read before; tell the place that knows of it."""
    pages = [_page(get, ask, 0)]
    while not _reaches(pages[-1], place.head_at):
        yield Observation(batches(ask, pages[-1].rows), cursor=place.as_json())
        pages.append(_page(get, ask, len(pages) * (PAGE - 1)))
    place = _caught_up(place, pages, seen)
    seen.update(*(refs(page.rows) for page in pages))
    yield Observation(batches(ask, pages[-1].rows), cursor=place.as_json())
    return place


def _reaches(page: payloads.UnlockPage, head_at: datetime | None) -> bool:
    return len(page.rows) < PAGE or head_at is None or page.rows[-1].at < head_at


def _caught_up(place: Place, pages: Sequence[payloads.UnlockPage], seen: set[UserRef]) -> Place:
    """Take up the newest second and counters of the head; believe those that it explains."""
    token = _token(pages[0])
    head_at = pages[0].rows[0].at if pages[0].rows else None
    rows = [row for page in pages for row in page.rows]
    is_known = place.token == place.head_token and _explains(rows, place, token, seen)
    caught_up = replace(place, head_at=head_at, head_token=token)
    return replace(caught_up, token=token) if is_known else caught_up


def _explains(rows: Rows, place: Place, token: str, seen: set[UserRef]) -> bool:
    """Tell whether rows that came to the head are exactly those that the counters rose by.

    Where they are not (an unlock was backdated or taken back, a player is not ranked), the
    list is read once more, which ends as soon as the counters hold still for one reading.
    """
    newer = [row for row in rows if place.head_at is None or row.at > place.head_at]
    before, after = _counters(place.head_token), _counters(token)
    hardcore = refs([row for row in newer if row.is_hardcore])
    risen = (after[0] - before[0], after[1] - before[1])
    return risen == (len(refs(newer) - seen), len(hardcore))


def _counters(token: str) -> tuple[int, int]:
    unlocks, hardcore = token.split("/")
    return int(unlocks), int(hardcore)


def _finished(ask: Ask, place: Place, rows: Rows, seen: set[UserRef]) -> Observation:
    """Say that the list was read; if it was whole, it also proves who is not on it."""
    is_proof = place.is_whole and not ask.is_recent_only
    listing = Listing({"achievement_id": ask.achievement}, "user_id", seen)
    proofs = (listing,) if is_proof else ()
    return Observation(batches(ask, rows), listings=proofs, token=place.token)
