"""`unlocks`: who unlocked an achievement, read completely and without duplicates.

A list is read in three ways: its head, when its counters moved (`unlock_head`); all of it,
to see what was taken back, in one go and with a second look at the head where it moved
meanwhile; and for the first time, a page at each turn, the newest rows first, while the head
is watched like that of any other list. How pages follow on each other without losing a row
is told in `unlock_paging`. The end is a short page, never a counter: counters leave out
players who are not ranked, lists do not (`public/API/API_GetAchievementUnlocks.php`).
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from harvester.api.unlock_pages import UnlockPage
from harvester.endpoints import unlock_head
from harvester.endpoints.base import Ask, Get, Observation, Steps
from harvester.endpoints.unlock_head import Head, head_on, token_on
from harvester.endpoints.unlock_paging import PAGE, Place, fits, has_end, is_past, onward, page_at
from harvester.endpoints.unlock_rows import batches, refs
from harvester.store.rows import Changes, Listing, UserRef


def observe(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401 - JSON
    """Read as much of a list as is asked for."""
    if ask.reach == "head":
        return _head(get, ask)
    place = Place()
    if ask.reach == "first" and cursor:
        place = _grown(Place.from_json(cursor["place"]), cursor["unlocks"], ask)
    return _list(get, ask, place)


def _head(get: Get, ask: Ask) -> Steps:
    """Read the head of a list that is known, or whose first listing is on its way."""
    since = Head.from_json(ask.memory, ask.token)
    head = yield from unlock_head.read(get, ask, since, ask.counters, set())
    yield Observation(token=head.token, memory=head.as_json())


def _grown(place: Place, unlocks: int, ask: Ask) -> Place:
    """Follow a place down a list that has grown at its head since.

    Where it grew less than the counters say, the next page will not fit, and steps back.
    """
    risen = max(0, unlock_head.counters_of(ask.counters)[0] - unlocks)
    return replace(place, offset=place.offset + risen)


def _list(get: Get, ask: Ask, place: Place) -> Steps:
    """Read from a place to the end of the list; what is read for the first time is kept.

    Cost: a request for every 499 rows. A first listing may be broken off after every page,
    and is taken up at the next; any other is one of a piece, or proves nothing.
    """
    seen = set[UserRef]()
    head = (yield from _taken_up(get, ask, seen)) if place.offset and ask.memory else None
    while True:
        page = page_at(get, ask, place.offset)
        begun, head = head is None, head or head_on(ask, page)
        seen.update(refs(page.rows))
        if _is_last(place, page, ask):
            break
        after = yield from onward(get, ask, place, page, seen)
        yield _kept(ask, page, after, head if begun else None)
        place = after
    yield from _finished(get, replace(ask, listed_from_at=None), place, page, head, seen)


def _taken_up(
    get: Get, ask: Ask, seen: set[UserRef]
) -> Generator[Observation, Changes | None, Head]:
    """Read the head of a first listing where it moved since.

    First of all, so that a page that keeps failing further down hides no new unlocks.
    """
    head = Head.from_json(ask.memory, ask.token)
    if not unlock_head.growth(ask.token, ask.counters):
        return head
    head = yield from unlock_head.read(get, ask, head, ask.counters, seen)
    yield Observation(token=head.token, memory=head.as_json())
    return head


def _kept(ask: Ask, page: UnlockPage, after: Place, head: Head | None) -> Observation:
    """Keep a page; of a first listing also where it goes on, and how its head was found."""
    step = Observation(batches(ask, page.rows))
    if ask.reach != "first":
        return step
    unlocks = max(page.unlocks, unlock_head.counters_of(ask.counters)[0])
    cursor = {"place": after.as_json(), "unlocks": unlocks} if has_end(after) else None
    step = replace(step, cursor=cursor, listed_from_at=after.edge_at)
    return replace(step, memory=head.as_json(), token=head.token) if head else step


def _is_last(place: Place, page: UnlockPage, ask: Ask) -> bool:
    """Stop on a short page that fits on to the last, or where only recent rows are wanted."""
    return fits(place, page) and (len(page.rows) < PAGE or is_past(ask, page))


def _finished(
    get: Get, ask: Ask, place: Place, page: UnlockPage, head: Head, seen: set[UserRef]
) -> Steps:
    """Read the head again if the list moved; say that all was read, and who is not there."""
    rows = page.rows
    if head.token != token_on(page):
        yield Observation(batches(ask, rows))
        head, rows = (yield from unlock_head.read(get, ask, head, token_on(page), seen)), ()
    listing = Listing({"achievement_id": ask.achievement}, "user_id", seen)
    is_proof = place.is_whole and not ask.is_recent_only
    yield Observation(
        batches(ask, rows),
        cursor=None,
        listings=(listing,) if is_proof else (),
        token=head.token,
        memory=head.as_json(),
        is_listed=True,
    )
