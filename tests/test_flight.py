"""Several requests under way at once: the same truth, the same manners, only sooner."""

import itertools
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harvests import DAY, STILL, BenchOf, Rows, asked, fetch, outcomes, rows
from sqlalchemy.exc import OperationalError
from test_daemon import daemon_of, stopped, until
from worlds import NOW, Bench

from harvester import app, clock, harvest, look
from harvester.endpoints import ENDPOINTS, Endpoint, Get, Steps
from harvester.errors import BudgetSpent, DatabaseUnfit, GaveUp, Refused, Stopped, Struck
from harvester.harvest import Harvest, Told
from harvester.sandbox import server
from harvester.sandbox.faults import Fault
from harvester.sandbox.records import Asked
from harvester.sandbox.wire import Reply
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.demand import Room
from harvester.store.polls import SWEEP, Poll, Selection

MOST = 4
GAMES = tuple(range(1, 13))
TICKETS, LISTS = Selection(jobs=["game-tickets"]), Selection(jobs=["unlocks"])
TOGETHER = f"in_flight = {MOST}\n{STILL}"
WATCH = f'[watch]\ngames = {list(GAMES)}\nusers = ["Ann", "Bob"]\ndevelopers = ["SandboxOwner"]'


@pytest.fixture
def people(world: World) -> dict[str, str]:
    """Put twelve games with two achievements each into the world, some of them unlocked."""
    people = {name: world.add_user(name) for name in ("Ann", "Bob", "Cid")}
    for game in GAMES:
        world.add_game(game, f"Game {game}", 1)
        for number in (1, 2):
            own = world.add_achievement(game, f"Deed {game}/{number}", id=10 * game + number)
            world.unlock(people["Ann"], own, at=NOW - DAY)
    return people


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, people: dict[str, str]) -> Bench:
    """Watch them all, with four requests under way."""
    assert people
    return bench_of(WATCH, database=sqlite_url, api=TOGETHER)


@pytest.fixture
def simultaneous(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the first four requests all be there before any of them is answered."""
    gate, left, deliver = threading.Barrier(MOST), itertools.count(), server._Handler._deliver

    def held(handler: server._Handler, reply: Reply, fault: Fault | None) -> None:
        if next(left) < MOST:
            gate.wait(10)
        deliver(handler, reply, fault)

    monkeypatch.setattr(server._Handler, "_deliver", held)
    yield
    gate.abort()


@contextmanager
def in_real_time(bench: Bench, api: str) -> Iterator[Harvest]:
    """Put a harvest together whose waits are real."""
    bench.configure(WATCH, api=api, database=bench.settings.database.url)
    bench.path.write_text(bench.path.read_text().replace("requests_per_second = 1000\n", ""))
    settings = bench.settings
    with app.harvesting(lambda: settings, "fetch", stop=bench.stop) as made:
        yield made


def drip(world: World, seconds: float = 0.3) -> None:
    """Let every answer take so long."""
    world.fail("slow-drip", times=9_999, pieces=3, seconds=seconds / 3)


# --- how many


@pytest.mark.parametrize("most", [1, 2, 4])
def test_as_many_requests_are_under_way_as_the_configuration_allows(
    bench: Bench, most: int
) -> None:
    bench.path.write_text(bench.path.read_text().replace("in_flight = 4", f"in_flight = {most}"))
    drip(bench.world)
    told = fetch(bench, TICKETS)
    assert len(told) == len(GAMES)
    beside = [one.beside for one in asked(bench.world)]
    assert len(beside) == len(GAMES)
    assert max(beside) == most - 1


def test_pace_and_burst_hold_for_all_requests_together(bench: Bench) -> None:
    drip(bench.world)
    rate, burst = 10, 2
    api = f"in_flight = 4\nrequests_per_second = {rate}\nburst = {burst}"
    with in_real_time(bench, api) as made:
        list(harvest.round_of(made, TICKETS))
    began = [one.monotonic for one in asked(bench.world)]
    windows = itertools.combinations(range(len(began)), 2)
    jitter = 0.5  # of a request: what a thread may come late
    assert len(began) == len(GAMES)
    assert all(
        last - first + 1 <= burst + rate * (began[last] - began[first]) + jitter
        for first, last in windows
    )


# --- the same truth


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_the_database_holds_the_same_as_after_one_request_at_a_time(
    bench_of: BenchOf, database_url: str, people: dict[str, str], tmp_path: Path, world: World
) -> None:
    together = bench_of(WATCH, database=database_url, api=TOGETHER)
    alone = Bench(world, tmp_path / "alone.toml", together.base_url)
    alone.configure(WATCH, api=STILL, database=f"sqlite:///{tmp_path}/alone.db")
    overlaps = 0
    for step in range(4):
        then, looks, logs = world.now, list[set[str]](), list[list[Asked]]()
        for one in (alone, together):
            world.now = then
            is_slow = step == 0 and one is together  # so that requests overlap on any machine
            world.before_answer = linger if is_slow else None
            looks.append(set(outcomes(fetch(one))))
            logs.append(asked(world))
        overlaps += sum(request.beside > 0 for request in logs[1])
        assert looks[0] == looks[1]
        assert questions(logs[0]) == questions(logs[1])
        assert held(alone) == held(together)
        live(world, people, step)
    assert overlaps > 0


def linger(_asked: Asked) -> None:
    """Let an answer take longer than it takes to ask the next question."""
    time.sleep(0.05)


def questions(log: list[Asked]) -> list[str]:
    """Write down what was asked, in an order that does not depend on when."""
    return sorted(f"{one.name} {one.params}" for one in log)


def live(world: World, people: dict[str, str], step: int) -> None:
    """Let hours pass and something happen in every third game."""
    world.advance(hours=20)
    for game in GAMES[step % 3 :: 3]:
        name = list(people)[step % 3]
        world.unlock(people[name], 10 * game + 1 + step % 2)
        world.open_ticket(10 * game + 1, people["Bob"])
    if step == 2:
        world.rename(people["Cid"], "Dee")
        world.reset(people["Ann"], 31)


PLAN = ("job", "target", "due_at", "priority", "listed_at", "token", "cursor", "failures")


def held(bench: Bench) -> dict[str, list[str]]:
    """Read all of history and the plan, with players by ULID; numbers of looks vary."""
    people = {row["id"]: row["ulid"] or row["name"] for row in rows(bench, schema.users)}
    tables = [record.table for record in schema.HISTORIES.values()]
    found = {table.name: told(rows(bench, table), people) for table in tables}
    plan = [{name: row[name] for name in PLAN} for row in rows(bench, schema.polls)]
    requests = sum(row["requests"] for row in rows(bench, schema.fetches))
    return {**found, "polls": told(plan, people), "requests": [str(requests)]}


def told(found: Rows, people: dict[int, str]) -> list[str]:
    """Write rows down in an order that does not depend on numbers given here."""
    by = ("user_id", "author_id", "resolver_id")
    named = [{**row, **{own: people.get(row[own]) for own in by if own in row}} for row in found]
    return sorted(repr({**row, "fetch_id": 0}) for row in named)


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_what_bears_on_each_other_is_never_in_hand_at_the_same_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_hand, pairs, ask = list[Poll](), list[tuple[Poll, Poll]](), harvest.ask

    def watched(made: Harvest, poll: Poll, selection: Selection) -> Told | None:
        pairs.extend((other, poll) for other in in_hand)
        in_hand.append(poll)
        try:
            return ask(made, poll, selection)
        finally:
            in_hand.remove(poll)

    monkeypatch.setattr(harvest, "ask", watched)
    drip(bench.world, 0.03)
    for _ in range(3):
        fetch(bench)
        bench.world.advance(days=7)
    assert len({(one.job, other.job) for one, other in pairs}) > 5
    assert [pair for pair in pairs if clash(*pair)] == []


def clash(one: Poll, other: Poll) -> bool:
    jobs = {one.job, other.job}
    is_told = "progress" in jobs and not jobs & {"game-tickets", "developer-tickets"}
    is_same_game = one.game_id is not None and one.game_id == other.game_id
    both_sweep = one.priority == other.priority == SWEEP
    return one.id == other.id or (is_told and is_same_game) or both_sweep


def test_a_player_is_identified_once_though_several_of_his_games_are_asked_about(
    bench: Bench,
) -> None:
    fetch(bench, Selection(jobs=["progress"]))
    assert len(asked(bench.world, "API_GetTicketData")) == 2


def in_between(bench: Bench, sql: str, *, after: int) -> None:
    """Write to the database while some request is under way, as another poll in hand may."""

    def write(_asked: object) -> None:
        if len(bench.world.asked) == after:
            with closing(sqlite3.connect(bench.path.with_name("harvester.db"))) as conn:
                conn.execute(sql)
                conn.commit()

    bench.world.before_answer = write


def test_what_becomes_due_and_is_more_urgent_goes_first_as_soon_as_there_is_a_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(bench)
    bench.world.advance(days=30)
    fetch(bench, Selection(jobs=["progress", "game-tickets", "developer-tickets", "distribution"]))
    asked(bench.world)
    at = f"{bench.world.now - DAY:%Y-%m-%d %H:%M:%S}"
    in_between(bench, f"UPDATE polls SET due_at = '{at}' WHERE job = 'game-tickets'", after=3)
    jobs = chosen(monkeypatch)  # what was asked may arrive in another order
    with bench.harvest() as made:
        list(harvest.round_of(made, Selection(jobs=["unlocks", "game-tickets"])))
    first = jobs.index("game-tickets")
    assert 3 <= first <= 3 + MOST
    assert set(jobs[first : first + len(GAMES)]) == {"game-tickets"}
    assert "unlocks" in jobs[first + len(GAMES) :]


def chosen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the jobs of the polls that are chosen from now on, in this order."""
    jobs, choose = list[str](), harvest._next

    def choose_aloud(*about: Any) -> Poll | None:  # noqa: ANN401 - whatever it is asked with
        poll = choose(*about)
        jobs.extend([poll.job] if poll else [])
        return poll

    monkeypatch.setattr(harvest, "_next", choose_aloud)
    return jobs


def test_a_schedule_that_changed_while_its_poll_was_in_hand_counts(bench: Bench) -> None:
    quicker = "UPDATE polls SET schedule = '900s', interval_seconds = 900"
    in_between(bench, f"{quicker} WHERE target = 'game 1'", after=0)
    fetch(bench, Selection(jobs=["game-tickets"], games=[1]))
    (own,) = rows(bench, schema.polls, job="game-tickets", target="game 1")
    assert (own["schedule"], own["interval_seconds"]) == ("900s", 900)
    assert own["due_at"] <= NOW + timedelta(minutes=15)


def test_looks_in_hand_are_taken_off_what_the_budget_leaves_for_others() -> None:
    assert Room(5, 3).less(4) == Room(1, 0)
    assert Room().less(4) == Room()


# --- manners


@pytest.mark.usefixtures("simultaneous")
@pytest.mark.parametrize("times", [1, MOST])
def test_one_too_fast_stops_all_for_its_time_and_counts_once(bench: Bench, times: int) -> None:
    bench.world.fail("429", times=times, retry_after=2)
    with in_real_time(bench, "in_flight = 4\nrequests_per_second = 999\nburst = 50") as made:
        told = list(harvest.round_of(made, TICKETS))
        assert made.pacer.factor == 0.5
        assert made.client.not_before is None
    assert {one.attempt.outcome for one in told if one.attempt} == {"changed"}
    assert sum(one.attempt.requests for one in told if one.attempt) == len(GAMES) + times
    log = asked(bench.world)
    assert [one.status for one in log].count(429) == times
    assert min(one.monotonic for one in log[MOST:]) - log[MOST - 1].monotonic >= 2


def test_a_pause_that_is_too_long_to_sit_out_ends_the_round(bench: Bench) -> None:
    bench.world.fail("429", retry_after=3600)
    with bench.harvest() as made, pytest.raises(GaveUp, match="asked us to wait"):
        list(harvest.round_of(made, TICKETS))
    assert len(asked(bench.world)) <= MOST


@pytest.mark.usefixtures("simultaneous")
def test_a_refused_key_sends_nothing_more(bench: Bench) -> None:
    bench.world.key = "another"
    heard: list[Told] = []
    bench_told = bench.harvest()
    with bench_told as made, pytest.raises(Refused):
        heard.extend(harvest.round_of(made, Selection()))
    assert heard == []
    assert len(asked(bench.world)) == MOST
    assert {row["outcome"] for row in rows(bench, schema.fetches)} == {"refused"}


def test_three_unavailable_answers_in_a_row_end_the_round(bench: Bench) -> None:
    bench.world.fail("502-html", times=999)
    with bench.harvest() as made, pytest.raises(GaveUp, match=r"three times in a row.*502"):
        list(harvest.round_of(made, TICKETS))
    assert 3 <= len(asked(bench.world)) < 3 + MOST
    assert sum(row["requests"] for row in rows(bench, schema.fetches)) >= 3


def test_a_spent_budget_ends_the_round_and_not_a_request_more_is_sent(bench: Bench) -> None:
    budget = f"daily_budget = 7\n{TOGETHER}"
    bench.configure(WATCH, api=budget, database=bench.settings.database.url)
    drip(bench.world, 0.03)
    heard: list[Told] = []
    with bench.harvest() as made, pytest.raises(BudgetSpent):
        heard.extend(harvest.round_of(made, TICKETS))
    assert len(asked(bench.world)) == 7
    assert len(heard) == 7


def test_a_bug_in_one_poll_keeps_no_other_from_its_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strike(_get: Get, _cursor: object, _ask: object) -> Steps:
        raise KeyError("a bug")

    monkeypatch.setitem(ENDPOINTS, "progress", Endpoint("progress", ("game",), strike))
    heard: list[Told] = []
    with bench.harvest() as made, pytest.raises(Struck, match="24 polls"):
        heard.extend(harvest.round_of(made, Selection()))
    assert sum(one.poll.job == "game-tickets" for one in heard) == len(GAMES)


def test_a_database_that_fails_ends_the_round_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("disk full"))

    monkeypatch.setattr(look, "_finish", fail)
    with pytest.raises(DatabaseUnfit, match="disk full"):
        fetch(bench, TICKETS)
    assert len(asked(bench.world)) <= MOST


# --- stopping


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_four_requests_that_hang_do_not_keep_the_daemon_from_stopping(
    bench_of: BenchOf, database_url: str, people: dict[str, str], number: int
) -> None:
    assert people
    bench = bench_of(WATCH, database=database_url, api=TOGETHER)
    bench.world.fail("hang", seconds=60, times=99, after=5)
    with daemon_of(bench) as process:
        until(lambda: len(bench.world.asked) == 5 + MOST)
        code, seconds, words = stopped(process, number)
    assert (code, "Traceback" in words) == (0, False), words
    assert seconds < 10
    assert [row["ended_at"] is not None for row in rows(bench, schema.runs)] == [True]
    assert rows(bench, schema.fetches)
    bench.world.faults.clear()
    bench.world.now = clock.now()
    fetch(bench)
    assert {row["last_ok_at"] is not None for row in rows(bench, schema.polls)} == {True}


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_threads_that_wait_for_the_pace_do_not_keep_the_daemon_from_stopping(bench: Bench) -> None:
    slow = "in_flight = 4\nburst = 1"
    bench.configure(WATCH, api=slow, database=bench.settings.database.url)
    text = bench.path.read_text().replace(
        "requests_per_second = 1000", "requests_per_second = 0.01"
    )
    bench.path.write_text(text)
    with daemon_of(bench) as process:
        until(lambda: len(bench.world.asked) == 1)
        code, seconds, words = stopped(process, signal.SIGTERM)
    assert (code, "Traceback" in words) == (0, False), words
    assert seconds < 10


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_foreign_lock_on_the_file_does_not_keep_the_daemon_from_stopping(bench: Bench) -> None:
    drip(bench.world)
    with daemon_of(bench) as process:
        until(lambda: len(bench.world.asked) > MOST)
        with closing(sqlite3.connect(bench.path.with_name("harvester.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            code, seconds, words = stopped(process, signal.SIGTERM)
    assert (code, "Traceback" in words) == (7, False), words
    assert seconds < 10


def test_what_arrives_after_the_stop_is_not_written(bench: Bench) -> None:
    bench.world.fail("hang", seconds=0.5, times=99, after=2)

    def end(_asked: object) -> None:
        if len(bench.world.asked) == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    bench.world.before_answer = end
    before = signal.signal(signal.SIGTERM, bench.stop.request)
    try:
        with bench.harvest() as made, pytest.raises(Stopped):
            list(harvest.round_of(made, TICKETS))
        looks = len(rows(bench, schema.fetches))
        until(lambda: "_fly" not in str([thread.name for thread in threading.enumerate()]))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(rows(bench, schema.fetches)) == looks < 5
