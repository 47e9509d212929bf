import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from harvests import rows
from worlds import NOW, Bench

from harvester import app, clock, config, harvest
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
        made.pacer.factor = 1 / 16
    world.advance(minutes=minutes)
    with bench.harvest() as made:
        assert made.pacer.factor == factor


def test_a_clock_that_stepped_back_does_not_slow_the_pace(bench: Bench, world: World) -> None:
    with bench.harvest() as made:
        made.pacer.factor = 1 / 2
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
