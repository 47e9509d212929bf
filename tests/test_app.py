import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from harvests import rows
from worlds import NOW, Bench

from harvester import app, clock, config, harvest, process
from harvester.errors import DatabaseUnfit
from harvester.harvest import Harvest
from harvester.sandbox.world import World
from harvester.store import db, schema
from harvester.store.polls import Selection


@pytest.fixture
def bench(bench_of: Callable[..., Bench], world: World, sqlite_url: str) -> Bench:
    world.add_game(1, "Sonic", 1)
    return bench_of("[watch]\ngames = [1]", database=sqlite_url)


def last_run(bench: Bench) -> dict[str, object]:
    return rows(bench, schema.runs)[-1]


@contextmanager
def really_waiting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harvest]:
    """Harvest as without a simulation, but let the pauses of `Stop` take simulated time."""

    def wait(seconds: float) -> None:
        bench.world.advance(seconds=round(seconds))

    monkeypatch.setattr(bench.stop, "wait", wait)
    time = app.Time(bench.time.now, bench.time.monotonic)
    settings = bench.settings
    with app.harvesting(lambda: settings, "fetch", stop=bench.stop, time_of=time) as made:
        yield made


def test_what_ra_asked_to_wait_for_is_written_down_before_the_wait(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    world.fail("429", retry_after=50)
    with really_waiting(bench, monkeypatch) as made:
        monkeypatch.setattr(
            bench.stop, "wait", lambda _seconds: seen.append(last_run(bench)["not_before_at"])
        )
        list(harvest.round_of(made, Selection()))
    assert seen[0] == NOW + timedelta(seconds=50)


def test_a_long_wait_for_a_requests_turn_shows_signs_of_life(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with really_waiting(bench, monkeypatch) as made:
        made.pacer.rate, made.pacer._tokens = 0.003, 0.0
        made.pacer.take()
        waited = world.now - NOW
        beat = last_run(bench)["beat_at"]
    assert waited > timedelta(minutes=5)
    assert world.now - timedelta(minutes=1) <= beat  # type: ignore[operator] # a datetime


def test_a_short_wait_for_a_requests_turn_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with really_waiting(bench, monkeypatch) as made:
        made.pacer.rate, made.pacer._tokens = 1.0, 0.0
        made.pacer.take()
        assert bench.world.now > NOW
        assert last_run(bench)["beat_at"] == NOW


@pytest.mark.parametrize(
    ("minutes", "factor"), [(14, 1 / 16), (15, 1 / 8), (31, 1 / 4), (60, 1), (60 * 24 * 9, 1)]
)
def test_the_pace_recovers_between_short_runs_as_in_a_long_one(
    bench: Bench, world: World, minutes: int, factor: float
) -> None:
    with bench.harvest() as made:
        slow_to(made, 1 / 16)
    world.advance(minutes=minutes)
    with bench.harvest() as made:
        assert made.pacer.factor == factor


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("apart", [1, 4, 5, 7, 14, 15])
def test_runs_that_follow_each_other_closely_recover_the_pace_as_one_would(
    bench: Bench, world: World, apart: int
) -> None:
    with bench.harvest() as made:
        slow_to(made, 1 / 16)
    seen = {}
    for minute in range(apart, 70, apart):
        world.advance(minutes=apart)
        with bench.harvest() as made:
            seen[minute] = made.pacer.factor
    assert seen == {minute: min(1, 2 ** (minute // 15) / 16) for minute in seen}


def test_a_429_in_a_short_run_begins_the_quarter_of_an_hour_anew(
    bench: Bench, world: World
) -> None:
    with bench.harvest() as made:
        slow_to(made, 1 / 4)
    world.advance(minutes=10)
    with bench.harvest() as made:
        made.pacer.slow_down()
    world.advance(minutes=10)
    with bench.harvest() as made:
        assert made.pacer.factor == 1 / 8
    world.advance(minutes=5)
    with bench.harvest() as made:
        assert made.pacer.factor == 1 / 4


def test_a_process_killed_before_its_first_sign_of_life_hands_its_inheritance_on(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.harvest() as made:
        slow_to(made, 1 / 16)
        made.client.not_before = until = NOW + timedelta(hours=2)
    killed(bench, monkeypatch)
    world.advance(minutes=20)
    with bench.harvest() as made:
        assert (made.pacer.factor, made.client.not_before) == (1 / 8, until)


@pytest.mark.parametrize(("pause", "waits"), [(0, [1, 2, 3]), (1, [1, 2]), (2, [1]), (60, [])])
def test_a_run_bursts_only_what_dripped_in_since_the_one_before(
    bench: Bench, world: World, pause: int, waits: list[float]
) -> None:
    bench.path.write_text(bench.path.read_text().replace("= 1000", "= 1\nburst = 3"))
    with bench.harvest() as made:
        assert three_at_once(made) == []
    world.advance(seconds=pause)
    with bench.harvest() as made:
        assert three_at_once(made) == waits


def three_at_once(made: Harvest) -> list[float]:
    """Take the turn of three requests at the same instant; tell how long each has to wait."""
    waits: list[float] = []
    made.pacer.wait = waits.append
    for _ in range(3):
        made.pacer.take()
    return waits


def test_after_a_killed_run_nothing_bursts(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.path.write_text(bench.path.read_text().replace("= 1000", "= 1"))
    killed(bench, monkeypatch)
    world.advance(hours=1)
    with bench.harvest() as made:
        assert three_at_once(made) == [1, 2, 3]


def killed(bench: Bench, monkeypatch: pytest.MonkeyPatch, asks: int = 0) -> None:
    """Run a process that asks so many requests and is killed: it ends nothing."""
    with monkeypatch.context() as patch, bench.harvest() as made:
        patch.setattr(harvest, "end", lambda _made: None)
        for _ in range(asks):
            made.meter.admit()


def test_a_killed_process_cannot_make_the_next_exceed_the_budget(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.path.write_text(
        bench.path.read_text().replace("[database]", "daily_budget = 9\n[database]")
    )
    for asks in (4, 0, 3):
        killed(bench, monkeypatch, asks)
    with bench.harvest() as made:
        assert made.meter.left == 2


@pytest.mark.parametrize(("budget", "lost"), [(20_000, 16), (4_000, 4), (100, 1)])
def test_what_a_killed_process_had_reserved_is_lost_and_what_another_had_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, budget: int, lost: int
) -> None:
    limit = f"daily_budget = {budget}\n[database]"
    bench.path.write_text(bench.path.read_text().replace("[database]", limit))
    with bench.harvest() as made:
        made.meter.admit()
    with bench.harvest() as made:
        assert made.meter.left == budget - 1
    killed(bench, monkeypatch, 1)
    with bench.harvest() as made:
        assert made.meter.left == budget - 1 - lost


def test_the_count_belongs_to_the_day_of_the_clock_though_what_is_written_is_dated_later(
    bench: Bench, world: World
) -> None:
    with bench.harvest() as made:
        made.meter.admit()
        with made.engine.begin() as conn:
            process.note(conn, made, world.now + timedelta(days=1))
    assert last_run(bench)["requests_on"] == NOW.date()


def slow_to(made: Harvest, factor: float) -> None:
    """Slow the pace down as so many 429 would."""
    made.pacer.resume(factor, quiet_since_at=None, asked_at=None)
    assert made.pacer.factor == factor


def test_a_clock_that_stepped_back_does_not_slow_the_pace(bench: Bench, world: World) -> None:
    with bench.harvest() as made:
        slow_to(made, 1 / 2)
    world.now -= timedelta(hours=3)
    with bench.harvest() as made:
        assert made.pacer.factor == 1 / 2


def test_where_the_database_failed_the_end_does_not_wait_for_it_once_more(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 10)
    ends: list[Harvest] = []
    monkeypatch.setattr(harvest, "end", ends.append)

    def work() -> None:
        with bench.harvest() as made:
            other.execute("BEGIN IMMEDIATE")
            list(harvest.round_of(made, Selection()))

    path = tmp_path / "harvester.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        pytest.raises(DatabaseUnfit, match="is locked"),
    ):
        work()
    assert ends == []


def test_a_run_that_a_bug_broke_off_is_accounted_for(bench: Bench) -> None:
    with pytest.raises(KeyError), bench.harvest():
        raise KeyError
    assert last_run(bench)["ended_at"] == NOW


def test_a_database_of_another_program_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE theirs (id INTEGER)")
        conn.commit()
    before = path.read_bytes()
    settings = config.parse(f'[database]\nurl = "sqlite:///{path}"', path=None, environ={})
    with pytest.raises(DatabaseUnfit, match="not ours"), app.writing(settings, now=clock.now):
        pass
    assert path.read_bytes() == before


def test_a_database_of_ours_logs_ahead(tmp_path: Path) -> None:
    path = tmp_path / "ours.db"
    settings = config.parse(f'[database]\nurl = "sqlite:///{path}"', path=None, environ={})
    with app.writing(settings, now=clock.now) as engine, engine.connect() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
