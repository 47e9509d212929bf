import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from worlds import Bench

from harvester import daemon, harvest
from harvester.config import load
from harvester.daemon import Pause, Watch
from harvester.endpoints import ENDPOINTS, Endpoint, Steps
from harvester.errors import Refused
from harvester.sandbox.world import World

ONE_GAME = "[watch]\ngames = [1]"


@pytest.fixture
def bench(bench_of: Callable[..., Bench], world: World, tmp_path: Path) -> Bench:
    world.add_game(1, "Sonic the Hedgehog", 1)
    achievement = world.add_achievement(1, "Ring Collector")
    world.unlock(world.add_user("alice"), achievement)
    world.add_game(2, "Streets of Rage", 1)
    return bench_of(ONE_GAME, database=f"sqlite:///{tmp_path}/harvester.db")


@contextmanager
def daemon_of(bench: Bench) -> Iterator[subprocess.Popen[str]]:
    """Run the daemon as its user would, and end it whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harvester", "--config", str(bench.path), "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def asked(bench: Bench, name: str) -> int:
    return sum(one.name == name for one in list(bench.world.asked))


def stopped(process: subprocess.Popen[str], number: int) -> tuple[int, float, str]:
    began = time.monotonic()
    process.send_signal(number)
    _, words = process.communicate(timeout=15)
    return process.returncode, time.monotonic() - began, words


def rows(bench: Bench, sql: str) -> list[Any]:
    engine: Engine = create_engine(bench.settings.database.url)
    with engine.connect() as conn:
        found = list(conn.execute(text(sql)))
    engine.dispose()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_starts_at_once_and_ends_in_good_order(bench: Bench, number: int) -> None:
    with daemon_of(bench) as process:
        until(lambda: asked(bench, "API_GetAchievementUnlocks"))
        code, seconds, words = stopped(process, number)
    assert code == 0, words
    assert seconds < 10
    assert "Traceback" not in words
    ((ended,),) = rows(bench, "SELECT ended_at FROM runs")
    assert ended is not None


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_request_that_hangs_does_not_keep_the_daemon_from_stopping(bench: Bench) -> None:
    bench.world.fail("hang", seconds=60, after=2)
    with daemon_of(bench) as process:
        until(lambda: asked(bench, "API_GetTicketData"))
        time.sleep(0.5)
        code, seconds, words = stopped(process, signal.SIGTERM)
    assert code == 0, words
    assert seconds < 10
    assert rows(bench, "SELECT count(*) FROM fetches")[0][0] >= 1


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_foreign_lock_on_the_file_does_not_keep_the_daemon_from_stopping(bench: Bench) -> None:
    with daemon_of(bench) as process:
        until(lambda: asked(bench, "API_GetAchievementUnlocks"))
        with closing(sqlite3.connect(bench.path.with_name("harvester.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            code, seconds, words = stopped(process, signal.SIGTERM)
    assert code == 7
    assert seconds < 10
    assert "Traceback" not in words
    assert "database is locked" in words


def test_a_changed_watchlist_is_noticed_on_sighup(bench: Bench) -> None:
    with daemon_of(bench) as process:
        until(lambda: asked(bench, "API_GetAchievementUnlocks"))
        before = bench.path.read_text()
        bench.path.write_text(before.replace("games = [1]", "games = [1, 2]"))
        process.send_signal(signal.SIGHUP)
        until(lambda: any(one.params.get("g") == "2" for one in list(bench.world.asked)))
        code, _, words = stopped(process, signal.SIGTERM)
    assert code == 0
    assert "read again" in words


def test_a_refused_key_ends_the_daemon_with_four(bench: Bench) -> None:
    bench.world.key = "another"
    with daemon_of(bench) as process:
        _, words = process.communicate(timeout=15)
    assert process.returncode == 4
    assert len(bench.world.asked) == 1
    assert "sandbox-key" not in words


def test_a_second_harvester_is_told_who_holds_the_database(bench: Bench) -> None:
    with daemon_of(bench) as process:
        until(lambda: asked(bench, "API_GetAchievementUnlocks"))
        with daemon_of(bench) as second:
            _, words = second.communicate(timeout=15)
        assert second.returncode == 6
        assert f"process {process.pid}" in words
        process.send_signal(signal.SIGKILL)
        process.wait()
        with daemon_of(bench) as third:
            until(lambda: len(rows(bench, "SELECT id FROM runs")) == 2)
            assert stopped(third, signal.SIGTERM)[0] == 0
    dead, _alive = rows(bench, "SELECT ended_at, beat_at FROM runs ORDER BY id")
    assert dead[0] == dead[1]


def watch_of(bench: Bench) -> Watch:
    return Watch(lambda: load(bench.path, {}), bench.path)


def test_a_file_that_did_not_change_is_not_read_again(bench: Bench) -> None:
    assert not watch_of(bench).changed()


def test_a_changed_file_is_noticed_without_a_signal(bench: Bench) -> None:
    watch = watch_of(bench)
    bench.path.write_text(bench.path.read_text().replace("games = [1]", "games = [2]"))
    assert watch.changed()
    assert [game.id for game in watch.settings.watch.games] == [2]
    assert not watch.changed()


def test_a_file_that_makes_no_sense_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watch_of(bench)
    bench.path.write_text("[watch]\ngames = 'many'")
    assert not watch.changed()
    assert [game.id for game in watch.settings.watch.games] == [1]
    assert "not used" in caplog.text


def test_a_file_that_vanished_changes_nothing(bench: Bench) -> None:
    watch = watch_of(bench)
    bench.path.unlink()
    assert not watch.changed()
    assert [game.id for game in watch.settings.watch.games] == [1]


def test_a_changed_key_waits_for_the_next_start_and_says_so(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watch_of(bench)
    bench.path.write_text(bench.path.read_text().replace("sandbox-key", "another-key"))
    assert watch.changed()
    assert "next start" in caplog.text


def test_after_giving_up_nothing_is_asked_for_a_while(bench: Bench) -> None:
    bench.world.fail("502-html", times=3)
    watch = watch_of(bench)
    with bench.harvest() as made:
        pause = daemon._round(made, watch, Pause())
        assert pause.until == bench.world.now + daemon.PAUSE
        asked_before = len(bench.world.asked)
        assert daemon._round(made, watch, pause) == pause
        assert len(bench.world.asked) == asked_before
        bench.world.now += daemon.PAUSE
        assert daemon._round(made, watch, pause) == Pause()
        assert len(bench.world.asked) > asked_before


def test_a_spent_budget_is_said_once_and_waits_for_midnight(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.path.write_text(
        bench.path.read_text().replace("[database]", "daily_budget = 2\n[database]")
    )
    watch = watch_of(bench)
    with bench.harvest() as made:
        pause = daemon._round(made, watch, Pause())
        pause = daemon._round(made, watch, pause)
        assert pause.until is not None
        assert pause.until - bench.world.now < timedelta(days=1)
        assert (pause.until.hour, pause.until.minute) == (0, 0)
        bench.world.now = pause.until
        daemon._round(made, watch, pause)
    assert len(bench.world.asked) == 4
    assert caplog.text.count("daily budget") == 1


def test_what_waits_for_budget_is_said_once_and_looked_at_with_every_beat(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    limit = "daily_budget = 20\n[database]"
    bench.path.write_text(bench.path.read_text().replace("[database]", limit))
    watch = watch_of(bench)
    with bench.harvest() as made:
        pause = daemon._round(made, watch, Pause())
        asked_before = len(bench.world.asked)
        for _ in range(3):
            bench.world.advance(seconds=daemon.BEAT_SECONDS)
            pause = daemon._round(made, watch, pause)
        assert len(bench.world.asked) == asked_before
        bench.world.advance(hours=11, minutes=30)
        assert daemon._round(made, watch, pause) == Pause()
    assert asked(bench, "API_GetAchievementUnlocks") == 1
    assert caplog.text.count("backfill waits for a higher api.daily_budget") == 1


def test_a_refusal_leaves_the_round(bench: Bench) -> None:
    bench.world.fail("401", after=1)
    with bench.harvest() as made, pytest.raises(Refused):
        daemon._round(made, watch_of(bench), Pause())


def test_a_long_pause_shows_signs_of_life(bench: Bench) -> None:
    with bench.harvest() as made:
        bench.world.advance(minutes=10)
        harvest.pause(made, 0.01)
        ((beat,),) = [tuple(row) for row in rows(bench, "SELECT beat_at FROM runs")]
    assert str(beat) == f"{bench.world.now:%Y-%m-%d %H:%M:%S}"


def test_signals_are_given_back(bench: Bench) -> None:
    before = signal.getsignal(signal.SIGTERM)
    bench.world.key = "another"
    with pytest.raises(Refused):
        daemon.run(lambda: bench.settings, bench.path, stop=bench.stop, time_of=bench.time)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_daemon_in_this_process_beats_until_it_is_told_to_stop(bench: Bench) -> None:
    def end(_asked: object) -> None:
        if len(bench.world.asked) > 3:
            os.kill(os.getpid(), signal.SIGTERM)

    bench.world.before_answer = end
    daemon.run(
        lambda: bench.settings, bench.path, stop=bench.stop, time_of=bench.time, beat_seconds=0.05
    )
    assert bench.stop.is_wished


def test_a_bug_in_one_poll_does_not_end_the_daemon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def strike(*_args: object) -> Steps:
        raise KeyError("a bug")

    monkeypatch.setitem(ENDPOINTS, "progress", Endpoint("progress", ("game",), strike))
    with bench.harvest() as made:
        assert daemon._round(made, watch_of(bench), Pause()) == Pause()
    assert "KeyError" in caplog.text
    assert "put off" in caplog.text


def test_a_poll_that_begins_to_fail_is_warned_of_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.world.fail("wrong-shape", only="API_GetAchievementDistribution", times=9)
    with bench.harvest() as made:
        for _ in range(3):
            daemon._round(made, watch_of(bench), Pause())
            bench.world.advance(hours=2)
    warnings = [line for line in caplog.text.splitlines() if "WARNING" in line]
    assert sum("distribution game 1" in line for line in warnings) == 1
