"""First listings, a page at a time behind all that is due; sweeps, evenly and in one go."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from harvests import BenchOf, asked, crowd, current, fetch, outcomes, poll, rows
from pages import OVERLAP, PAGE, small_pages
from sqlalchemy import Connection
from worlds import NOW, Bench

from harvester.errors import BudgetSpent
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import polls, schema
from harvester.store.polls import BACKFILL, MOVED, ROUTINE, SWEEP, Selection, Wanted

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STILL = "burst = 100000"
WATCH = "[watch]\ngames = [1]"
LISTS, PROGRESS = "API_GetAchievementUnlocks", "API_GetGameInfoAndUserProgress"
UNLOCKS = Selection(jobs=["unlocks"])
HOURS_APART = {11: 1, 12: 9, 13: 4}  # between two unlocks of these achievements
HOLDERS = 30
PAGES = 5  # of eight rows, of which the first repeats the last of the page before


@pytest.fixture(autouse=True)
def pages() -> Iterator[None]:
    """Read eight rows at a time."""
    with small_pages():
        yield


@pytest.fixture
def game(world: World) -> World:
    """Put a game into the world, whose achievements are unlocked more and less often."""
    world.add_game(1, "Sonic", 1)
    people = crowd(world, HOLDERS)
    for own, hours in HOURS_APART.items():
        world.add_achievement(1, f"Deed {own}", id=own)
        for place, ulid in enumerate(people):
            world.unlock(ulid, own, at=NOW - DAY * 20 - timedelta(hours=hours * place))
    return world


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, game: World) -> Bench:
    """Watch the game, in rounds that take no time."""
    return bench_of(WATCH, database=sqlite_url, api=STILL)


def fetch_until_spent(bench: Bench, requests: int) -> None:
    """Ask, by hand, as far as so many more requests of this day go."""
    sent = sum(one.at.date() == bench.world.now.date() for one in bench.world.asked)
    url = bench.settings.database.url
    bench.configure(WATCH, api=f"{STILL}\ndaily_budget = {sent + requests}", database=url)
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    bench.configure(WATCH, api=STILL, database=url)


def lists_asked(world: World) -> list[tuple[int, int, int]]:
    """Tell list, offset and size of the pages asked for since the last call."""
    found = [one.params for one in asked(world, LISTS)]
    return [(int(one["a"]), int(one["o"]), int(one["c"])) for one in found]


def holders(bench: Bench, own: int) -> int:
    """Count who is known to hold an achievement."""
    return len(current(bench, schema.unlocks, achievement_id=own))


def before_each_page(world: World, happen: Callable[[int], object]) -> None:
    """Let something happen before each page of a list, counted from 1."""
    numbers = iter(range(1, 10_000))

    def before_answer(one: Asked) -> None:
        if one.name == LISTS:
            happen(next(numbers))

    world.before_answer = before_answer


# --- first listings


def test_of_all_first_listings_the_one_goes_on_that_came_back_the_least(
    bench: Bench, game: World
) -> None:
    fetch(bench)
    back = dict.fromkeys(HOURS_APART, NOW)
    for own, offset, _ in lists_asked(game):
        assert back[own] == max(back.values())
        shown = sorted(row.effective_at for row in game.achievements[own].unlocks.values())
        last = shown[::-1][offset : offset + PAGE][-1]
        back[own] = last if offset + PAGE < HOLDERS else datetime.min.replace(tzinfo=NOW.tzinfo)
    assert set(back.values()) == {datetime.min.replace(tzinfo=NOW.tzinfo)}


def test_what_becomes_due_meanwhile_goes_before_the_next_page(bench: Bench, game: World) -> None:
    before_each_page(game, lambda _: game.advance(minutes=20))
    fetch(bench)
    log = asked(game)
    looks = [one.at for one in log if one.name == PROGRESS]
    assert len(looks) >= 5
    gaps = [later - at for at, later in itertools.pairwise(looks)]
    assert max(gaps) <= HOUR + timedelta(minutes=20)


def test_the_head_of_a_list_is_watched_while_its_first_listing_is_on_its_way(
    bench: Bench, game: World
) -> None:
    ann, seen = game.add_user("Ann"), list[int]()

    def happen(number: int) -> None:
        game.advance(minutes=20)
        if number == 4:
            game.unlock(ann, 12)
        names = {row["id"]: row["name"] for row in rows(bench, schema.users)}
        if "Ann" in names.values():
            seen.append(holders(bench, 12))

    before_each_page(game, happen)
    fetch(bench)
    assert seen[0] < HOLDERS  # known before the listing was over
    assert holders(bench, 12) == HOLDERS + 1


def test_a_head_that_moved_goes_before_the_next_page_of_a_first_listing(
    bench: Bench, game: World
) -> None:
    fetch_until_spent(bench, 9)
    ann = game.add_user("Ann")
    game.unlock(ann, 12)
    game.advance(hours=23)
    asked(game)
    fetch(bench)
    log = [one for one in asked(game) if one.name in {LISTS, PROGRESS}]
    assert [one.name for one in log[:2]] == [PROGRESS, LISTS]
    assert (log[1].params["a"], log[1].params["o"]) == ("12", "0")
    assert holders(bench, 12) == HOLDERS + 1


@pytest.mark.parametrize("requests", [5, 8, 11])
def test_a_first_listing_goes_on_after_a_restart_and_reads_nothing_twice(
    bench: Bench, game: World, requests: int
) -> None:
    fetch_until_spent(bench, requests)
    game.advance(days=1)
    fetch(bench)
    pages = Counter(lists_asked(game))
    assert set(pages.values()) == {1}
    assert len(pages) == PAGES * len(HOURS_APART)
    assert [holders(bench, own) for own in HOURS_APART] == [HOLDERS] * 3


def test_a_first_listing_is_one_look_in_evidence_whatever_turns_it_took(
    bench: Bench, game: World
) -> None:
    fetch_until_spent(bench, 8)
    begun = poll(bench, "unlocks", "achievement 11")
    assert (begun["listed_at"], begun["listed_from_at"] < NOW) == (None, True)
    assert rows(bench, schema.fetches, job="unlocks") == []
    game.advance(days=1)
    fetch(bench)
    for own in HOURS_APART:
        over = poll(bench, "unlocks", f"achievement {own}")
        assert (over["listed_at"], over["listed_from_at"], over["cursor"]) == (game.now, None, None)
        assert (over["requests"], over["rows_opened"], over["fetch_id"]) == (0, 0, None)
        (look,) = rows(bench, schema.fetches, poll_id=over["id"])
        assert (look["outcome"], look["first_at"], look["last_at"]) == (
            "changed",
            game.now,
            game.now,
        )
        named = rows(bench, schema.user_names, fetch_id=look["id"])
        wrote = (PAGES, HOLDERS + len(named), 0)
        assert (look["requests"], look["rows_opened"], look["rows_closed"]) == wrote
        told = rows(bench, schema.unlocks, achievement_id=own)
        assert {row["fetch_id"] for row in told} == {look["id"]}


# --- sweeps


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_the_sweeps_of_lists_that_were_watched_at_once_are_spread_over_their_interval(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    world.add_game(1, "Sonic", 1)
    for own in range(11, 41):
        world.add_achievement(1, f"Deed {own}", id=own)
    jobs = '[jobs.progress]\nevery = "30d"\n[jobs.unlocks]\nsweep = "7d"'
    bench = bench_of(WATCH, jobs=jobs, database=sqlite_url, api=STILL)
    fetch(bench)
    asked(world)
    quarters = list[int]()
    for quarter in range(4):
        for _ in range(7):
            world.advance(hours=6)
            fetch(bench, UNLOCKS)
            quarters += [quarter] * len(lists_asked(world))
    assert len(quarters) == 30
    assert max(Counter(quarters).values()) <= 15


def test_the_list_where_most_came_and_went_is_swept_first(bench: Bench, game: World) -> None:
    fetch(bench)
    for own, number in ((12, 5), (13, 2)):
        for ulid in crowd(game, number, prefix=f"N{own}x"):
            game.unlock(ulid, own)
    game.advance(hours=1)
    fetch(bench)
    lists_asked(game)
    game.advance(days=7)
    fetch(bench)
    swept = [own for own, offset, _ in lists_asked(game) if offset == 0]
    assert swept == [12, 13, 11]
    assert {poll(bench, "unlocks", f"achievement {own}")["churn"] for own in swept} == {0}


def _planned(conn: Connection, **columns: dict[str, object]) -> None:
    week = {"schedule": "on-change, sweep 604800s, full", "interval_seconds": 7 * 86400}
    polls.plan(conn, [Wanted("unlocks", name, **week) for name in columns], at=NOW)  # type: ignore[arg-type]
    for planned in polls.chosen(conn, Selection()):
        polls.change(conn, planned, **columns[planned.target])


def _order(conn: Connection, at: datetime) -> list[str]:
    order = []
    while (found := polls.next_due(conn, Selection(), at=at)) is not None:
        order.append(found.target)
        polls.change(conn, found, watched_to=at)
    return order


def test_a_sweep_overdue_by_its_whole_interval_goes_before_busier_ones(conn: Connection) -> None:
    _planned(
        conn,
        busy={"priority": SWEEP, "churn": 900, "due_at": NOW},
        quiet={"priority": SWEEP, "churn": 0, "due_at": NOW},
        starved={"priority": SWEEP, "churn": 0, "due_at": NOW - 7 * DAY - HOUR},
        starved_longer={"priority": SWEEP, "churn": 0, "due_at": NOW - 8 * DAY},
        late={"priority": SWEEP, "churn": 5, "due_at": NOW - 7 * DAY + HOUR},
        moved={"priority": MOVED, "churn": 0, "due_at": NOW},
        routine={"priority": ROUTINE, "churn": 0, "due_at": NOW},
        first={"priority": BACKFILL, "churn": 0, "due_at": NOW - 90 * DAY},
    )
    urgent, sweeps = ["routine", "moved"], ["starved_longer", "starved", "busy", "late", "quiet"]
    assert _order(conn, NOW) == [*urgent, *sweeps, "first"]


def test_a_sweep_that_the_budget_broke_off_starts_over_and_proves_nothing(
    bench: Bench, game: World
) -> None:
    fetch(bench)
    gone = next(user.ulid for user in game.people if user.name == "P00003")
    game.reset(gone, 11)
    game.advance(days=8)
    fetch_until_spent(bench, 7)
    assert rows(bench, schema.unlock_absences) == []
    game.advance(days=1)
    lists_asked(game)
    fetch(bench)
    assert [offset for own, offset, _ in lists_asked(game) if own == 11] == [0, 7, 14, 21, 28]
    assert len(rows(bench, schema.unlock_absences)) == 1
    assert holders(bench, 11) == HOLDERS


def test_counters_that_fell_ask_for_a_complete_listing(bench: Bench, game: World) -> None:
    fetch(bench)
    game.reset(next(user.ulid for user in game.people if user.name == "P00003"), 11)
    game.advance(hours=1)
    lists_asked(game)
    fetch(bench)
    pages = [(11, offset, PAGE) for offset in (0, 7, 14, 21, 28)]
    assert lists_asked(game) == pages
    assert len(rows(bench, schema.unlock_absences)) == 1


def test_a_sweep_during_which_the_counters_moved_has_its_head_read_again(
    bench: Bench, game: World
) -> None:
    fetch(bench)
    lists_asked(game)
    ann = game.add_user("Ann")
    before_each_page(game, lambda number: game.unlock(ann, 11) if number == 3 else None)
    game.advance(hours=1)
    told = fetch(bench, Selection(jobs=["unlocks"], games=[1]), is_forced=True)
    assert outcomes(told)["unlocks achievement 11"] == "changed"
    pages = [(offset, size) for own, offset, size in lists_asked(game) if own == 11]
    assert pages[-1] == (0, 2 + OVERLAP)  # both counters rose
    assert holders(bench, 11) == HOLDERS + 1
    game.advance(hours=1)
    fetch(bench)
    assert lists_asked(game) == []


def test_the_page_of_a_list_that_moved_is_as_long_as_its_growth_recent_rows_and_overlap(
    bench: Bench, game: World
) -> None:
    fetch(bench)
    lists_asked(game)
    for number, expected in ((1, 2 + OVERLAP), (0, None), (2, 4 + 1 + OVERLAP)):
        for ulid in crowd(game, number, prefix=f"N{number}x"):
            game.unlock(ulid, 11)
        game.advance(hours=1)
        fetch(bench)
        assert lists_asked(game) == ([(11, 0, expected)] if expected else [])


def test_an_upgrade_makes_the_page_longer_by_one(bench: Bench, game: World) -> None:
    ann = game.add_user("Ann")
    game.unlock(ann, 11, is_hardcore=False, at=NOW - 20 * DAY)
    fetch(bench)
    lists_asked(game)
    game.unlock(ann, 11)
    game.advance(hours=1)
    fetch(bench)
    assert lists_asked(game) == [(11, 0, 1 + OVERLAP)]
