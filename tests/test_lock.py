from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from worlds import Bench

from harvester import harvest
from harvester.errors import DatabaseHeld, DatabaseUnfit
from harvester.sandbox.world import World
from harvester.store import db, lock
from harvester.store.polls import Selection


@contextmanager
def held(url: str) -> Iterator[Engine]:
    """Hold the lock as a harvester does."""
    engine = db.connect(url)
    try:
        with lock.hold(engine):
            yield engine
    finally:
        engine.dispose()


def write(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM runs"))


def end_the_locks_session(url: str) -> None:
    engine = db.connect(url)
    held_locks = "SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
    with engine.connect() as conn:
        killed = conn.execute(text(f"SELECT pg_terminate_backend(pid) FROM ({held_locks}) AS own"))
        assert len(killed.all()) == 1
    engine.dispose()


def test_a_second_harvester_is_kept_out_until_the_first_has_gone(database_url: str) -> None:
    with held(database_url), pytest.raises(DatabaseHeld), held(database_url):
        pass
    with held(database_url) as engine:
        write(engine)


def test_a_link_to_the_file_of_a_harvester_does_not_let_in_another(
    sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(tmp_path / "harvester.db")
    with held(sqlite_url), pytest.raises(DatabaseHeld), held(f"sqlite:///{link}"):
        pass


def test_a_lock_that_cannot_be_made_is_told_in_one_line(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "harvester.db.lock").mkdir()
    told = r"^the lock .*harvester\.db\.lock cannot be .*$"
    with pytest.raises(DatabaseUnfit, match=told), held(sqlite_url):
        pass


def test_trouble_of_the_system_during_the_work_is_not_taken_for_the_locks(sqlite_url: str) -> None:
    with pytest.raises(FileNotFoundError), held(sqlite_url):
        Path("/nowhere/at/all").read_bytes()


def test_nothing_is_written_any_more_once_the_locks_session_is_gone(postgres_url: str) -> None:
    with held(postgres_url) as engine:
        write(engine)
        end_the_locks_session(postgres_url)
        with held(postgres_url):
            for _ in range(2):
                with pytest.raises(DatabaseUnfit, match="was lost"):
                    write(engine)


def test_a_harvest_that_lost_its_lock_ends_at_once(
    bench_of: Callable[..., Bench], postgres_url: str, world: World
) -> None:
    world.add_game(1, "Sonic", 1)
    bench = bench_of("[watch]\ngames = [1]", database=postgres_url)

    def lose_the_lock(_asked: object) -> None:
        if not world.asked:
            end_the_locks_session(postgres_url)

    world.before_answer = lose_the_lock
    with pytest.raises(DatabaseUnfit, match="was lost"), bench.harvest() as made:
        list(harvest.round_of(made, Selection()))
    assert len(world.asked) == 1
