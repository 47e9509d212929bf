"""`unlocks`: who unlocked an achievement, read completely and without duplicates.

RA orders the list by date alone, and rows of one second change places between shallow and
deep pages. So each page begins at the first row of the tied second that ended the page
before: every second lies whole in one answer, and rows that do not overlap betray that the
list moved. A second that fills whole pages is read on its own until its distinct users are
as many as its places. The end is a short page, never a counter: counters leave out players
who are not ranked, lists do not (`public/API/API_GetAchievementUnlocks.php`).
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from harvester.api import payloads
from harvester.endpoints.base import Ask, Get, Observation
from harvester.store import schema
from harvester.store.rows import Batch, Listing, UserRef

PAGE = 500
NARROWER = (PAGE, 250, 100, 50)  # page sizes tried on a second that fills whole pages
GOING_BACK = 20  # times a listing may step back before it stops claiming to be whole

Rows = Sequence[payloads.Unlock]


@dataclass(frozen=True)
class Place:
    """Where a listing stands; as JSON it is the cursor by which it is taken up again.

    `edge` are the users of the second `edge_at` that ended the last page, `head_at` the
    newest second when the listing began, `token` the counters at that time.
    """

    offset: int = 0
    edge_at: datetime | None = None
    edge: frozenset[str] = frozenset()
    head_at: datetime | None = None
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
    """Read the list page by page, each a durable step; then its head again if it moved."""
    place = Place.from_json(cursor) if cursor else Place()
    seen: set[UserRef] = set()
    while True:
        page = _page(get, ask, place.offset)
        seen.update(_refs(page.rows))
        place = _begun(place, page)
        if _is_finished(place, page, ask):
            break
        yield Observation(_batches(ask, page.rows), cursor=place.as_json())
        place = yield from _onward(get, ask, place, page, seen)
    token = _token(page)
    if place.token != token or not place.is_whole:
        yield Observation(_batches(ask, page.rows), cursor=place.as_json())
        page, token = yield from _head(get, ask, place, seen)
    yield _finished(ask, place, page, seen, token)


def _page(get: Get, ask: Ask, offset: int, count: int = PAGE) -> payloads.UnlockPage:
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
    return replace(place, token=_token(page), head_at=head_at)


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
        and (page.rows[0].at > place.edge_at or place.edge <= _handles(page.rows))
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
        edge = _handles(tied)
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
        users.update(_refs(rows))
        yield Observation(_batches(ask, page.rows), cursor=place.as_json())
        is_over = len(page.rows) < count or page.rows[-1].at < second
        if is_over:
            older = [row for row in page.rows if row.at < second]
            return users, offset + len(page.rows) - len(older)
        offset += count


def _head(
    get: Get, ask: Ask, place: Place, seen: set[UserRef]
) -> Generator[Observation, None, tuple[payloads.UnlockPage, str]]:
    """Read the head again, which moved meanwhile; tell its last page and its counters."""
    token, offset = "", 0
    while True:
        page = _page(get, ask, offset)
        token = token or _token(page)
        seen.update(_refs(page.rows))
        if len(page.rows) < PAGE or place.head_at is None or page.rows[-1].at < place.head_at:
            return page, token
        yield Observation(_batches(ask, page.rows), cursor=place.as_json())
        offset += PAGE - 1


def _finished(
    ask: Ask, place: Place, last: payloads.UnlockPage, seen: set[UserRef], token: str
) -> Observation:
    """Say that the list was read; if it was whole, it also proves who is not on it."""
    is_proof = place.is_whole and not ask.is_recent_only
    listing = Listing({"achievement_id": ask.achievement}, "user_id", seen)
    proofs = (listing,) if is_proof else ()
    return Observation(_batches(ask, last.rows), listings=proofs, token=token)


def _batches(ask: Ask, rows: Rows) -> tuple[Batch, ...]:
    since = ask.watched_from if ask.is_recent_only else None
    told = [_row(row) for row in rows if since is None or row.at >= since]
    return (Batch(schema.unlocks, {"achievement_id": ask.achievement}, told),) if told else ()


def _row(row: payloads.Unlock) -> dict[str, object]:
    """Write what a list row tells: of an upgraded unlock it hides the first date."""
    user = UserRef(row.name, row.ulid)
    if row.is_hardcore:
        return {"user_id": user, "hardcore_at": row.at}
    return {"user_id": user, "unlocked_at": row.at, "hardcore_at": None}


def _refs(rows: Rows) -> set[UserRef]:
    """Name users by ULID alone where there is one: names may change while we read."""
    return {UserRef(None if row.ulid else row.name, row.ulid) for row in rows}


def _handles(rows: Rows) -> frozenset[str]:
    return frozenset(row.ulid or row.name for row in rows)
