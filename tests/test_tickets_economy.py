"""Tickets of games: few requests, and no state known for longer than it may go unseen."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from harvests import STILL, asked, current, fetch, rows
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from worlds import NOW, Bench

from harvester.endpoints import ticket_list, tickets
from harvester.endpoints.base import Ask
from harvester.endpoints.ticket_looks import (
    MOST_LOOKS,
    Look,
    Looks,
    Memory,
    recall,
    seen_at,
    with_look,
)
from harvester.sandbox.answers import answer
from harvester.sandbox.records import Asked, State
from harvester.sandbox.world import World
from harvester.store import absence, history, known, schema
from harvester.store.known import KnownTicket
from harvester.store.polls import Selection
from harvester.store.rows import Batch, Gone

BenchOf = Callable[..., Bench]
WATCH = "[watch]\ngames = [1]"
UNOFFICIAL = "[[watch.game]]\nid = 1\nunofficial = true"
TICKETS = Selection(jobs=["game-tickets"])
COUNT, DRAFTS = {"g": "1"}, {"g": "1", "f": "5"}


@pytest.fixture
def ann(world: World) -> str:
    """Put game 1 with two official achievements and a draft into the world; sign Ann up."""
    world.add_game(1, "Sonic", 1)
    world.add_achievement(1, "Deed", id=11)
    world.add_achievement(1, "Other", id=12)
    world.add_achievement(1, "Draft", id=13, is_promoted=False)
    return world.add_user("Ann")


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, ann: str) -> Bench:
    """Watch the official tickets of game 1, in rounds that take no time."""
    return bench_of(WATCH, database=sqlite_url, api=STILL)


@pytest.fixture
def both(bench_of: BenchOf, sqlite_url: str, ann: str) -> Bench:
    """Watch all tickets of game 1, in rounds that take no time."""
    return bench_of(UNOFFICIAL, database=sqlite_url, api=STILL)


def report(world: World, achievement: int, number: int = 1, **details: int) -> list[int]:
    """Report an achievement so many times, an hour between two; return the tickets' ids."""
    ann = next(user.ulid for user in world.people if user.name == "Ann")
    first = world.now - timedelta(days=100)
    return [
        world.open_ticket(
            achievement,
            ann,
            reported_at=first + timedelta(hours=index),
            state=details.get("state", State.CLOSED),
        )
        for index in range(number)
    ]


def look(bench: Bench, **passed: float) -> list[dict[str, str]]:
    """Let time pass and ask for tickets; tell the requests that it took."""
    bench.world.advance(**passed)
    asked(bench.world)
    fetch(bench, TICKETS, is_all=True)
    return [one.params for one in asked(bench.world)]


def page(offset: int = 0, size: int = 100, **kind: str) -> dict[str, str]:
    """Write the request for a page."""
    return {"g": "1", **kind, "d": "1", "c": str(size), "o": str(offset)}


def states(bench: Bench) -> dict[int, str]:
    """Tell the present state of each ticket."""
    return {row["ticket_id"]: row["state"] for row in current(bench, schema.ticket_states)}


def counts(bench: Bench, *, is_promoted: bool = True) -> dict[str, int]:
    """Tell the numbers of a game's tickets that are not null, or not none."""
    (row,) = current(bench, schema.game_ticket_counts, is_promoted=is_promoted)
    names = ("reported", *tickets.STATES.values())
    return {name: row[name] for name in names if row[name]}


# --- when it is listed


def test_a_first_look_lists_everything(both: Bench, world: World) -> None:
    report(world, 11, 150)
    report(world, 13)
    assert look(both) == [page(), page(99), page(f="5")]


def test_where_nothing_changed_each_kind_costs_one_count(both: Bench, world: World) -> None:
    report(world, 11, 150)
    look(both)
    for _ in range(5):
        assert look(both, hours=1) == [COUNT, DRAFTS]


def test_new_tickets_are_read_off_a_page_no_longer_than_they_and_an_overlap(
    bench: Bench, world: World, ann: str
) -> None:
    report(world, 11, 250)
    look(bench)
    new = [world.open_ticket(12, ann) for _ in range(2)]
    assert look(bench, hours=1) == [COUNT, page(size=2 + 1 + ticket_list.OVERLAP)]
    assert {states(bench)[own] for own in new} == {"open"}
    assert counts(bench) == {"reported": 252, "open": 2, "closed": 250}
    assert look(bench, hours=1) == [COUNT]


def test_a_new_ticket_behind_known_ones_of_its_second_is_found(
    bench: Bench, world: World, ann: str
) -> None:
    world.is_newer_ticket_first = False
    report(world, 11, 150)
    first = [world.open_ticket(12, ann) for _ in range(8)]
    look(bench)
    late = world.open_ticket(11, ann)
    assert look(bench, hours=1) == [COUNT, page(size=1 + len(first) + ticket_list.OVERLAP)]
    assert {states(bench)[own] for own in (*first, late)} == {"open"}


def test_old_tickets_that_turn_up_are_looked_for_to_the_end(bench: Bench, world: World) -> None:
    report(world, 11, 250)
    look(bench)
    for _ in range(3):
        report(world, 12)  # of long ago, as when an achievement moves here
    assert look(bench, hours=1)[1:] == [page(size=9), page(8), page(107), page(206)]
    assert len(states(bench)) == 253


def test_an_open_ticket_is_looked_at_again_when_recheck_is_over_and_no_page_is_too_long(
    bench: Bench, world: World, ann: str
) -> None:
    report(world, 11, 150)
    own = world.open_ticket(12, ann)
    later = [world.open_ticket(11, ann, state=State.CLOSED) for _ in range(10)]
    world.tickets[own].reported_at -= timedelta(hours=2)
    look(bench)
    world.set_ticket_state(own, State.RESOLVED)
    assert look(bench, hours=5) == [COUNT]
    assert states(bench)[own] == "open"
    assert look(bench, hours=1) == [page(size=len(later) + 1 + ticket_list.OVERLAP)]
    assert states(bench)[own] == "resolved"
    assert counts(bench) == {"reported": 161, "closed": 160, "resolved": 1}


def test_a_closed_ticket_is_looked_at_again_when_recheck_closed_is_over(
    bench: Bench, world: World
) -> None:
    old, *_ = report(world, 11, 150)
    look(bench)
    world.set_ticket_state(old, State.OPEN)
    for _ in range(6):
        assert look(bench, days=1) == [page(size=1 + ticket_list.OVERLAP)]  # the newest one
    assert states(bench)[old] == "closed"
    assert look(bench, days=1) == [page(), page(99)]
    assert states(bench)[old] == "open"


def test_what_one_look_saw_on_the_way_need_not_be_looked_at_again(
    bench: Bench, world: World
) -> None:
    middle = report(world, 11, 150)[70]
    world.set_ticket_state(middle, State.REQUEST)
    look(bench)
    assert look(bench, hours=6) == [page(size=80 + ticket_list.OVERLAP)]
    assert look(bench, days=7, hours=-6) == [page(), page(99)]  # the oldest ones are due
    assert look(bench, hours=1) == [COUNT]


def test_a_look_a_little_early_counts_as_in_time(bench: Bench, world: World) -> None:
    report(world, 11, state=State.OPEN)
    look(bench)
    assert look(bench, hours=5, minutes=50) == [page(size=1 + ticket_list.OVERLAP)]


# --- tickets that leave and come


def test_a_ticket_that_left_is_missed_at_once(bench: Bench, world: World) -> None:
    gone, *_ = report(world, 11, 150)
    look(bench)
    world.delete_ticket(gone)
    assert look(bench, hours=1) == [COUNT, page(), page(99)]
    assert gone not in states(bench)
    assert rows(bench, schema.tickets, id=gone)[0]["gone_at"] == world.now
    assert counts(bench) == {"reported": 149, "closed": 149}


def test_more_new_tickets_than_the_count_grew_by_show_that_others_left(
    bench: Bench, world: World, ann: str
) -> None:
    gone, *_ = report(world, 11, 150)
    look(bench)
    world.delete_ticket(gone)
    new = [world.open_ticket(12, ann) for _ in range(2)]
    assert look(bench, hours=1)[2:] == [page(6), page(105)]
    assert states(bench).keys() >= set(new)
    assert gone not in states(bench)


def test_one_that_came_while_another_left_is_found_when_the_head_is_looked_at_again(
    bench: Bench, world: World, ann: str
) -> None:
    gone, *_ = report(world, 11, 20)
    look(bench)
    world.delete_ticket(gone)
    new = world.open_ticket(12, ann)
    assert look(bench, hours=5) == [COUNT]
    look(bench, hours=1)
    assert new in states(bench)
    assert gone not in states(bench)


def test_a_ticket_that_changes_kind_stays_with_both_counts(both: Bench, world: World) -> None:
    kept, wandering = *report(world, 11), *report(world, 12)
    look(both)
    grown = 2 + ticket_list.OVERLAP
    for happen, official, size in ((world.demote, 1, 100), (world.promote, 2, grown)):
        happen(12)
        assert look(both, hours=1) == [COUNT, page(size=size), DRAFTS, page(f="5")]
        assert states(both) == {kept: "closed", wandering: "closed"}
        assert counts(both)["reported"] == official
        assert look(both, hours=1) == [COUNT, DRAFTS]


def test_what_one_list_lost_is_looked_for_on_the_other_though_its_count_stands_still(
    both: Bench, world: World
) -> None:
    kept, wandering, deleted = *report(world, 11), *report(world, 12), *report(world, 13)
    look(both)
    world.demote(12)
    world.delete_ticket(deleted)
    assert look(both, hours=1) == [COUNT, page(), DRAFTS, page(f="5")]
    assert states(both) == {kept: "closed", wandering: "closed"}


def test_drafts_that_nobody_asks_for_any_more_do_not_count(
    bench_of: BenchOf, sqlite_url: str, both: Bench, world: World, ann: str
) -> None:
    report(world, 11)
    draft = report(world, 13)[0]
    fetch(both)
    look(both, hours=1)
    bench = bench_of(WATCH, database=sqlite_url, api=STILL)
    assert look(bench, hours=1) == [COUNT]
    forget(bench)
    assert look(bench, hours=1) == [page()]
    assert look(bench, hours=1) == [COUNT]
    new = world.open_ticket(12, ann)
    assert look(bench, hours=1) == [COUNT, page(size=2 + ticket_list.OVERLAP)]
    assert {draft, new} <= states(bench).keys()
    assert counts(bench) == {"reported": 2, "open": 1, "closed": 1}


def test_a_ticket_that_moved_to_another_watched_game_is_known_there_alone(
    bench_of: BenchOf, sqlite_url: str, world: World, ann: str
) -> None:
    world.add_game(2, "Tails", 1)
    world.add_achievement(2, "Deed", id=21)
    kept, moved = *report(world, 11), *report(world, 12)
    bench = bench_of("[watch]\ngames = [1, 2]", database=sqlite_url, api=STILL)
    look(bench)
    world.move(12, 2)
    world.advance(hours=1)
    asked(world)
    for game in (2, 1):
        fetch(bench, Selection(jobs=["game-tickets"], games=[game]), is_all=True)
    assert [one.params for one in asked(world)] == [{"g": "2"}, {**page(), "g": "2"}, COUNT]
    assert states(bench) == {kept: "closed", moved: "closed"}
    assert rows(bench, schema.tickets, id=moved)[0]["game_id"] == 2
    found = {row["game_id"]: row for row in current(bench, schema.game_ticket_counts)}
    assert {own: (row["reported"], row["closed"]) for own, row in found.items()} == {
        1: (1, 1),
        2: (1, 1),
    }


# --- what makes it list everything


def forget(bench: Bench) -> None:
    """Take the memory away, as where an older version wrote the poll."""
    with bench.harvest() as made, made.engine.begin() as conn:
        conn.execute(schema.polls.update().values(memory=None))


def test_where_nothing_is_remembered_everything_is_listed(bench: Bench, world: World) -> None:
    report(world, 11, 150)
    look(bench)
    forget(bench)
    assert look(bench, hours=1) == [page(), page(99)]
    assert look(bench, hours=1) == [COUNT]


def test_detail_that_is_switched_on_again_lists_everything(
    bench_of: BenchOf, sqlite_url: str, bench: Bench, world: World
) -> None:
    report(world, 11, 150)
    look(bench)
    jobs = "[jobs.game-tickets]\ndetail = false"
    bench.configure(WATCH, jobs=jobs, api=STILL, database=sqlite_url)
    assert look(bench, hours=1) == [COUNT]
    assert counts(bench) == {"reported": 150, "closed": 150}
    bench.configure(WATCH, api=STILL, database=sqlite_url)
    assert look(bench, hours=1) == [page(), page(99)]


def test_looks_that_a_clock_has_put_ahead_of_time_do_not_count(bench: Bench, world: World) -> None:
    own = report(world, 11, 150)[0]
    world.advance(days=30)
    look(bench)
    world.set_ticket_state(own, State.OPEN)
    world.now -= timedelta(days=30)
    assert look(bench) == [page(), page(99)]
    assert states(bench)[own] == "open"


def test_a_list_that_would_not_hold_is_read_in_full_the_next_time(
    bench: Bench, world: World, ann: str
) -> None:
    report(world, 11, 150)
    look(bench)
    world.open_ticket(11, ann)
    world.delete_ticket(1)

    def before_answer(one: Asked) -> None:
        if "d" in one.params and one.params["o"] != "0":
            world.open_ticket(11, ann)

    world.open_ticket(11, ann)
    world.before_answer = before_answer
    look(bench, hours=1)
    world.before_answer = None
    assert "open" not in counts(bench)
    assert look(bench, hours=1) == [page(), page(99)]
    assert counts(bench) == {"reported": 157, "open": 8, "closed": 149}
    assert 1 not in states(bench)


@pytest.mark.parametrize(("is_forced", "size"), [(False, [COUNT]), (True, [page(), page(99)])])
def test_a_look_that_is_forced_lists_everything(
    bench: Bench, world: World, *, is_forced: bool, size: list[dict[str, str]]
) -> None:
    report(world, 11, 150)
    look(bench)
    asked(world)
    fetch(bench, TICKETS, is_all=True, is_forced=is_forced)
    assert [one.params for one in asked(world)] == size


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_a_list_that_is_not_in_order_is_read_to_its_end(
    bench: Bench, world: World, ann: str, *, is_shuffled: bool
) -> None:
    report(world, 11, 150)
    look(bench)
    world.open_ticket(11, ann)
    told = json.loads(reply(world, page(size=7)))
    if is_shuffled:
        told["Tickets"][1:3] = reversed(told["Tickets"][1:3])
    world.fail("wrong-shape", after=1, body=json.dumps(told).encode())
    assert len(look(bench, hours=1)) == (4 if is_shuffled else 2)
    assert counts(bench) == {"reported": 151, "open": 1, "closed": 150}


def reply(world: World, params: dict[str, str]) -> bytes:
    """Tell what the world would answer."""
    return answer(world, "API_GetTicketData", {**params, "y": world.key}).body


# --- what is known


def ticket(own: int, state: str, hours: int, game: int = 1) -> list[Batch]:
    """Tell of a ticket as an answer does."""
    row = {"id": own, "achievement_id": 11, "reported_at": NOW + timedelta(hours=hours)}
    return [
        Batch(schema.tickets, {"game_id": game}, [row]),
        Batch(schema.ticket_states, {}, [{"ticket_id": own, "state": state}]),
    ]


def test_known_are_the_tickets_of_the_game_that_are_there_in_their_present_state(
    conn: Connection,
) -> None:
    told = [*ticket(1, "open", 0), *ticket(2, "open", 1), *ticket(3, "open", 2, game=2)]
    for batch in told:
        history.record(conn, batch, at=NOW, fetch_id=1)
    for batch in ticket(1, "closed", 0):
        history.record(conn, batch, at=NOW + timedelta(hours=1), fetch_id=1)
    assert sorted(known.tickets(conn, 1), key=lambda one: one.id) == [
        KnownTicket(1, NOW, "closed"),
        KnownTicket(2, NOW + timedelta(hours=1), "open"),
    ]
    gone = Gone(schema.tickets, {"game_id": 1}, {1})
    absence.mark_gone(conn, gone, at=NOW + timedelta(hours=2))
    assert [one.id for one in known.tickets(conn, 1)] == [1]


# --- looks

DATES = st.integers(0, 30).map(lambda hours: NOW + timedelta(hours=hours))


def looks_at(depths: list[datetime | None]) -> Looks:
    """Look as deep as given, an hour between two."""
    looks: Looks = ()
    for number, beyond in enumerate(depths):
        looks = with_look(looks, Look(NOW + timedelta(hours=number), beyond))
    return looks


@given(st.lists(st.none() | DATES, max_size=MOST_LOOKS), DATES)
def test_the_last_look_at_any_ticket_is_known(
    depths: list[datetime | None], reported_at: datetime
) -> None:
    saw = [n for n, beyond in enumerate(depths) if beyond is None or reported_at > beyond]
    last = NOW + timedelta(hours=saw[-1]) if saw else None
    assert seen_at(looks_at(depths), reported_at) == last


@given(st.lists(st.none() | DATES, max_size=60), DATES)
def test_few_looks_are_remembered_and_none_is_made_up(
    depths: list[datetime | None], reported_at: datetime
) -> None:
    looks = looks_at(depths)
    assert len(looks) <= MOST_LOOKS
    saw = [n for n, beyond in enumerate(depths) if beyond is None or reported_at > beyond]
    last = seen_at(looks, reported_at)
    assert (last is None) == (not saw)
    assert last is None or last <= NOW + timedelta(hours=saw[-1])


@given(st.lists(st.none() | DATES, max_size=9), st.frozensets(st.integers(1, 99)))
def test_memory_comes_back_from_json_as_it_was(
    depths: list[datetime | None], drafts: frozenset[int]
) -> None:
    memory = Memory({True: looks_at(depths), False: ()}, drafts)
    written = json.loads(json.dumps(memory.written()))
    assert recall(Ask(at=datetime(2027, 1, 1, tzinfo=UTC), memory=written)) == memory
