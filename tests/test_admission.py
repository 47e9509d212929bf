"""Who may ask when the day's budget is short, and that neither budget nor pace is ever exceeded."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from harvests import ONE_GAME, STILL, BenchOf, crowd, fetch, rows
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from worlds import NOW, Bench

from harvester import admission, harvest
from harvester.admission import Need, Waiting, midnight, need, room, told
from harvester.errors import BudgetSpent, GaveUp
from harvester.harvest import Harvest
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import demand, polls, schema
from harvester.store.demand import Room, list_requests
from harvester.store.polls import BACKFILL, MOVED, SWEEP, Selection, Wanted

DAY = timedelta(days=1)
UNTIL = midnight(NOW)  # twelve hours later
SLOW = """
[jobs.game-tickets]
every = "6h"
[jobs.progress]
every = "6h"
"""


def planned(conn: Connection, *wanted: Wanted, **columns: object) -> None:
    """Put polls into the plan as of now, with some columns of all of them as told."""
    polls.plan(conn, wanted, at=NOW)
    if columns:
        conn.execute(schema.polls.update().values(**columns))


def routine(job: str, game: int, seconds: int = 3600) -> Wanted:
    return Wanted(job, f"game {game}", f"{seconds}s", seconds, game_id=game)


def list_of(achievement: int, priority: int = SWEEP) -> Wanted:
    schedule, target = "on-change, sweep 604800s, full", f"achievement {achievement}"
    return Wanted("unlocks", target, schedule, 604_800, 1, achievement, priority=priority)


def counted(conn: Connection, achievement: int, unlocks: int) -> None:
    """Let an achievement be known with so many unlocks, which once were half as many."""
    row = {"achievement_id": achievement, "unlocks_hardcore": 0, "fetch_id": 1}
    conn.execute(
        schema.achievements.insert().values(
            id=achievement, title="Deed", is_promoted=True, first_seen_at=NOW - DAY
        )
    )
    now = {**row, "unlocks": unlocks, "valid_from": NOW - DAY}
    before = {
        **row,
        "unlocks": unlocks // 2,
        "valid_from": NOW - 2 * DAY,
        "valid_to": NOW - DAY,
    }
    conn.execute(schema.achievement_counters.insert().values(now))
    conn.execute(schema.achievement_counters.insert().values(before))


# --- the forecast


def test_without_a_look_each_is_expected_to_cost_two_requests(conn: Connection) -> None:
    planned(conn, routine("progress", 1), routine("game-tickets", 1, 6 * 3600))
    assert need(conn, at=NOW) == Need(2 * 12 + 2 * 2)


def test_a_look_is_expected_to_cost_what_the_newest_ones_did(conn: Connection) -> None:
    planned(conn, routine("progress", 1), routine("progress", 2))
    for number, (requests, times) in enumerate([(5, 5), (6, 3)], start=1):
        proven(conn, number, requests, times)
    assert need(conn, at=NOW) == Need(int(12 * 1.5 * 2))


def proven(conn: Connection, number: int, requests: int, times: int) -> None:
    """Let poll `number` have evidence of so many looks and requests."""
    numbers = {"rows_opened": 0, "rows_closed": 0, "times": times, "requests": requests}
    row = {"id": number, "poll_id": number, "job": "progress", "outcome": "unchanged", **numbers}
    at = {"first_at": NOW, "last_at": NOW}
    conn.execute(schema.fetches.insert().values(**row, **at))
    own = schema.polls.c.id == number
    conn.execute(schema.polls.update().where(own).values(last_fetch_id=number))


def test_what_is_not_due_before_midnight_needs_nothing_of_today(conn: Connection) -> None:
    planned(conn, routine("progress", 1), list_of(11), due_at=UNTIL)
    assert need(conn, at=NOW) == Need(0)


def test_what_left_the_watchlist_needs_nothing(conn: Connection) -> None:
    planned(conn, routine("progress", 1), list_of(11), watched_to=NOW)
    assert need(conn, at=NOW) == Need(0)


def test_a_list_that_moved_is_urgent_and_first_listings_are_not(conn: Connection) -> None:
    planned(conn, list_of(11, MOVED), list_of(12, BACKFILL))
    assert need(conn, at=NOW) == Need(1)


def test_lists_are_expected_to_move_as_they_did_lately(conn: Connection) -> None:
    some = {"due_at": NOW + 5 * DAY, "listed_at": NOW - 2 * DAY, "last_fetch_id": None}
    planned(conn, list_of(11), list_of(12), churn=16, **some)
    planned(conn, list_of(11), list_of(12), routine("progress", 1, 6 * 3600))
    expected = 2 * 2  # each was to move four times, but is looked at twice
    assert need(conn, at=NOW).urgent == 2 * 2 + expected


@pytest.mark.parametrize(
    ("unlocks", "requests"), [(0, 1), (499, 1), (500, 3), (998, 3), (999, 4), (24_000, 50)]
)
def test_a_sweep_needs_its_pages_and_its_head_once_more(
    conn: Connection, unlocks: int, requests: int
) -> None:
    counted(conn, 11, unlocks)
    planned(conn, list_of(11))
    assert list_requests(unlocks) == requests
    assert need(conn, at=NOW) == Need(0, (requests,))


@given(st.integers(0, 300), st.integers(0, 400), st.lists(st.integers(1, 60), max_size=12))
def test_backfill_gets_what_nobody_else_needs(left: int, urgent: int, sweeps: list[int]) -> None:
    found = room(left, Need(urgent, tuple(sweeps)))
    assert found.for_sweeps is not None
    assert found.for_backfill is not None
    assert found.for_sweeps == max(0, left - urgent)
    fitting = sum(one for one in sweeps if one <= found.for_sweeps)
    assert found.for_backfill == max(0, found.for_sweeps - fitting)


# --- what fits


@pytest.mark.parametrize("requests", range(6))
def test_a_sweep_is_begun_only_if_it_can_be_ended(conn: Connection, requests: int) -> None:
    sizes = {11: 0, 12: 499, 13: 500, 14: 998, 15: 999, 16: 2000}
    for achievement, size in sizes.items():
        counted(conn, achievement, size)
    planned(conn, *map(list_of, sizes))
    fits = demand.fitting(Room(requests, 0))
    admitted = set()
    while (one := polls.next_due(conn, Selection(), at=NOW, only=fits)) is not None:
        admitted.add(one.achievement_id)
        polls.change(conn, one, watched_to=NOW)
    assert admitted == {own for own, size in sizes.items() if list_requests(size) <= requests}


def test_what_waits_is_told_with_the_reason_and_the_time(conn: Connection, bench: Bench) -> None:
    counted(conn, 11, 3000)
    planned(
        conn,
        routine("progress", 1),
        *(list_of(own) for own in (11, 12)),
        *(list_of(own, BACKFILL) for own in (13, 14, 15)),
    )
    settings = limited(bench, 29)
    why = (
        "29 of today's 29 requests are left, and 24 of them will be needed for what is more urgent"
    )
    assert admission.waiting(conn, settings.settings, at=NOW) == [Waiting(SWEEP, 1, why, UNTIL)]
    assert [
        (one.priority, one.polls)
        for one in admission.waiting(conn, limited(bench, 24).settings, at=NOW)
    ] == [(SWEEP, 2), (BACKFILL, 3)]


@pytest.mark.parametrize(("budget", "until"), [(55, None), (56, UNTIL)])
def test_what_a_whole_day_does_not_leave_enough_for_waits_without_end(
    conn: Connection, bench: Bench, budget: int, until: datetime | None
) -> None:
    counted(conn, 11, 3000)
    planned(conn, routine("progress", 1), list_of(11))
    conn.execute(
        schema.runs.insert().values(
            id=1,
            command="fetch",
            version="0",
            pid=1,
            host="here",
            started_at=NOW,
            beat_at=NOW,
            requests_on=NOW.date(),
            requests_that_day=30,
        )
    )
    (waits,) = admission.waiting(conn, limited(bench, budget).settings, at=NOW)
    assert waits.until_at == until  # 24 looks a day of two requests, and a list of eight


def limited(bench: Bench, budget: int) -> Bench:
    """Limit the requests of a day."""
    url = bench.settings.database.url
    bench.configure(ONE_GAME, api=f"daily_budget = {budget}", database=url)
    return bench


def test_without_a_limit_nothing_waits(conn: Connection, bench: Bench) -> None:
    planned(conn, list_of(11, BACKFILL))
    assert admission.waiting(conn, limited(bench, 0).settings, at=NOW) == []


def test_what_waits_is_put_in_one_line() -> None:
    waits = [Waiting(priority, 1, "", UNTIL) for priority in (SWEEP, BACKFILL)]
    assert told([]) == ""
    assert told(waits).startswith("sweeps and backfill wait for the next UTC day; ")
    assert told(waits[1:]).startswith("backfill waits for the next UTC day; ")
    assert told([Waiting(SWEEP, 1, "", None)]).startswith("sweeps wait for a higher api.daily_bud")


# --- seen from outside


@pytest.fixture
def game(world: World) -> World:
    """Put a game with ten achievements that two people hold into the world."""
    world.add_game(1, "Sonic", 1)
    people = crowd(world, 2)
    for number in range(11, 21):
        world.add_achievement(1, id=number)
        for ulid in people:
            world.unlock(ulid, number, at=NOW - DAY)
    return world


def listed(world: World) -> int:
    return len([one for one in world.asked if one.name == "API_GetAchievementUnlocks"])


def test_backfill_leaves_what_the_rest_of_the_day_will_need(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(ONE_GAME, jobs=SLOW, database=sqlite_url, api=f"{STILL}\ndaily_budget = 14")
    fetch(bench)  # four for the game; two looks at tickets and progress each are to come
    assert 0 < listed(game) < 10
    for _ in range(12):
        game.advance(hours=1)
        fetch(bench)
    assert Counter(one.at.date() for one in game.asked)[NOW.date()] <= 14
    assert {row["failures"] for row in rows(bench, schema.polls)} == {0}
    for _ in range(12):
        game.advance(hours=6)
        fetch(bench)
    assert all(row["listed_at"] for row in rows(bench, schema.polls, job="unlocks"))
    assert max(Counter(one.at.date() for one in game.asked).values()) <= 14


def test_a_round_in_which_the_rest_waits_ends_in_good_order(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(ONE_GAME, jobs=SLOW, database=sqlite_url, api=f"{STILL}\ndaily_budget = 14")
    fetch(bench)
    before = len(game.asked)
    with bench.harvest() as made:
        assert list(harvest.round_of(made, Selection())) == []
        (waits,) = harvest.waiting(made, Selection())
    assert (waits.priority, waits.until_at) == (BACKFILL, UNTIL)
    assert len(game.asked) == before


def test_what_is_asked_for_by_hand_may_use_all_that_is_left(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(ONE_GAME, jobs=SLOW, database=sqlite_url, api=f"{STILL}\ndaily_budget = 9")
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    assert len(game.asked) == 9


def test_the_forecast_is_made_once_a_minute(
    bench_of: BenchOf, sqlite_url: str, game: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of(ONE_GAME, database=sqlite_url, api=STILL)
    made = forecasts(monkeypatch)
    with bench.harvest() as kept, kept.engine.connect() as conn:
        for seconds in (0, 1, 59, 60, 61, 30, 31):
            kept.admission.room(conn, kept.meter, at=NOW + timedelta(seconds=seconds))
    assert made == [NOW + timedelta(seconds=seconds) for seconds in (0, 60, 30)]


def test_a_round_that_leaves_lists_waiting_makes_no_forecast_of_tomorrow(
    bench_of: BenchOf, sqlite_url: str, game: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of(ONE_GAME, jobs=SLOW, database=sqlite_url, api=f"{STILL}\ndaily_budget = 14")
    fetch(bench)
    made = forecasts(monkeypatch)
    with bench.harvest() as kept:
        assert list(harvest.round_of(kept, Selection())) == []
    assert [at.date() for at in made] == [NOW.date()]
    lasting = [row["priority"] for row in rows(bench, schema.interruptions) if not row["ended_at"]]
    assert lasting == [BACKFILL]


def forecasts(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Note of which instants forecasts are made, each of which goes through the whole plan."""
    made: list[datetime] = []

    def counting(conn: Connection, *, at: datetime) -> Need:
        made.append(at)
        return need(conn, at=at)

    monkeypatch.setattr(admission, "need", counting)
    return made


# --- never too much: days of rounds, with 429s, restarts and killed processes

RATE, BURST, BUDGET = 0.05, 4, 120
ROUGH = f"""
burst = {BURST}
daily_budget = {BUDGET}
"""


class Killed(BaseException):
    """A process that is no more, from one request to the next."""


@contextmanager
def process(bench: Bench, rng: random.Random, patch: pytest.MonkeyPatch) -> Iterator[Harvest]:
    """Begin a process that may be killed anywhere; then nothing more is written."""
    fatal = rng.choice([None, None, rng.randrange(1, 40)])
    seen = 0

    def before(_one: Asked) -> None:
        nonlocal seen
        seen += 1
        if seen == fatal:
            raise Killed

    with patch.context() as inner:
        bench.world.before_answer = None
        with bench.harvest() as made:
            send = made.client._exchanged

            def sent(*arguments: object) -> object:
                answer = send(*arguments)  # type: ignore[arg-type]
                before(bench.world.asked[-1])
                return answer

            inner.setattr(made.client, "_exchanged", sent)
            inner.setattr(harvest, "end", made_end(harvest.end, lambda: seen == fatal))
            yield made


def made_end(end: object, is_dead: object) -> object:
    def ended(made: Harvest) -> None:
        if not is_dead():  # type: ignore[operator]
            end(made)  # type: ignore[operator]

    return ended


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("seed", [1, 2])
def test_neither_pace_nor_budget_is_ever_exceeded(
    bench_of: BenchOf,
    sqlite_url: str,
    game: World,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    bench = bench_of(ONE_GAME, database=sqlite_url, api=ROUGH)
    bench.path.write_text(bench.path.read_text().replace("= 1000", f"= {RATE}"))
    rng = random.Random(seed)
    while game.now < NOW + 3 * DAY:
        if rng.random() < 0.2:
            game.fail("429", times=rng.randint(1, 3), after=rng.randint(0, 9))
        round_in_a_process(bench, rng, monkeypatch)
        game.advance(seconds=rng.choice([0, 1, 300, 3600, 7200]))
    assert len(game.asked) > 2 * BUDGET
    assert_within_pace(game.asked)
    assert max(Counter(one.at.date() for one in game.asked).values()) <= BUDGET


def round_in_a_process(bench: Bench, rng: random.Random, patch: pytest.MonkeyPatch) -> None:
    """Fetch, now and then all by hand, in a process that may be killed."""
    try:
        with process(bench, rng, patch) as made:
            if rng.random() < 0.3:
                harvest.make_due(made, Selection(), is_forced=True)
            list(harvest.round_of(made, Selection()))
    except (Killed, BudgetSpent, GaveUp):
        pass


def assert_within_pace(log: Sequence[Asked]) -> None:
    """No stretch of time saw more than burst and rate allow; the log is in whole seconds."""
    for first, begin in enumerate(log):
        for last, end in enumerate(log[first:], first):
            seconds = (end.at - begin.at).total_seconds() + 1
            assert last - first + 1 <= BURST + RATE * seconds
