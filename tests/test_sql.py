import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from harvester.errors import DatabaseUnfit, QueryRefused, Stopped
from harvester.stop import Stop
from harvester.store import db, schema, sql

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT {} FROM t"


@pytest.fixture
def reader(engine: Engine, database_url: str) -> Iterator[Engine]:
    """Yield a database of three games, opened for reading as the command opens it."""
    titles = ["Sonic the Hedgehog", "Tetris", "Spelunker"]
    with engine.begin() as conn:
        conn.execute(
            schema.games.insert(),
            [{"id": n, "title": title, "first_seen_at": AT} for n, title in enumerate(titles, 1)],
        )
    reader = db.connect(database_url, is_read_only=True)
    yield reader
    reader.dispose()


def ask(engine: Engine, query: str, **options: Any) -> tuple[list[str], list[tuple[Any, ...]]]:  # noqa: ANN401 - as run_query takes them
    columns, rows = sql.run_query(engine, query, **options)
    return columns, list(rows)


def state(engine: Engine) -> dict[str, int | None]:
    """Count the rows of every table: whatever a query could have changed."""
    with engine.connect() as conn:
        return {
            table.name: conn.scalar(select(func.count()).select_from(table))
            for table in schema.metadata.sorted_tables
        }


def test_a_query_tells_its_columns_and_rows(reader: Engine) -> None:
    assert ask(reader, "SELECT id, title AS name FROM games ORDER BY id") == (
        ["id", "name"],
        [(1, "Sonic the Hedgehog"), (2, "Tetris"), (3, "Spelunker")],
    )


READS = [
    ("  select 1;  ", [(1,)]),
    ("-- a remark; with a semicolon\n/* and\nmore */ SELECT 1 -- and the end", [(1,)]),
    ("VALUES (1), (2)", [(1,), (2,)]),
    ("WITH own AS (SELECT 7 AS n) SELECT n FROM own", [(7,)]),
    ("SELECT id FROM games WHERE title LIKE 'S%' ORDER BY id", [(1,), (3,)]),
    ("SELECT ';' AS mark", [(";",)]),
]


def test_whatever_reads_is_answered(reader: Engine) -> None:
    for query, rows in READS:
        assert ask(reader, query)[1] == rows


def test_a_query_without_rows_still_tells_its_columns(reader: Engine) -> None:
    assert ask(reader, "SELECT id, title FROM games WHERE id > 9") == (["id", "title"], [])


def test_a_plan_can_be_explained(reader: Engine) -> None:
    prefix = "EXPLAIN QUERY PLAN" if reader.dialect.name == "sqlite" else "EXPLAIN"

    columns, rows = ask(reader, f"{prefix} SELECT * FROM games WHERE id = 1")

    assert columns
    assert "games" in str(rows)


PLANS = [
    "EXPLAIN ANALYZE VERBOSE SELECT 1",
    "explain (analyze, costs off) select 1",
    "EXPLAIN (SELECT 1) UNION (SELECT 2)",
    "EXPLAIN (COSTS off) (VALUES (1))",
]


def test_every_form_of_explaining_is_understood(postgres_reader: Engine) -> None:
    for query in PLANS:
        assert ask(postgres_reader, query)[0] == ["QUERY PLAN"]


def test_what_explaining_would_have_made_is_rolled_back(postgres_reader: Engine) -> None:
    ask(postgres_reader, "EXPLAIN ANALYZE SELECT * INTO mine FROM games")

    with pytest.raises(QueryRefused, match='"mine" does not exist'):
        ask(postgres_reader, "SELECT * FROM mine")


def test_rows_come_as_they_are_asked_for_and_no_more_than_wanted(reader: Engine) -> None:
    many = ENDLESS.format("n")

    assert ask(reader, many, max_rows=2500)[1] == [(n,) for n in range(1, 2501)]
    assert ask(reader, many, max_rows=0) == (["n"], [])


def test_rows_left_alone_give_their_connection_back(reader: Engine) -> None:
    columns, rows = sql.run_query(reader, ENDLESS.format("n"))
    assert (columns, next(rows)) == (["n"], (1,))

    del rows

    assert reader.pool.checkedout() == 0  # type: ignore[attr-defined]


WRITES = [
    "INSERT INTO games (id, first_seen_at) VALUES (9, '2026-03-01 12:00:00')",
    "UPDATE games SET title = 'x'",
    "DELETE FROM games",
    "DROP TABLE games",
    "CREATE TABLE mine (n INTEGER)",
    "CREATE TEMP TABLE mine (n INTEGER)",
    "ALTER TABLE games ADD COLUMN mine TEXT",
    "BEGIN; DELETE FROM games; COMMIT",
    "COMMIT",
    "SELECT 1; DELETE FROM games",
    "SELECT 1; COMMIT; DELETE FROM games",
    "SELECT 1;; DELETE FROM games; --",
    "EXPLAIN SELECT 1; DELETE FROM games",
    "WITH own AS (DELETE FROM games RETURNING id) SELECT * FROM own",
    "WITH own AS (SELECT 1) DELETE FROM games",
    "WITH own AS (SELECT 9 AS n) INSERT INTO games (id) SELECT n FROM own",
    "/* SELECT */ DELETE FROM games",
    "-- SELECT\nDELETE FROM games",
    "SELECTION",
    "",
    "  ;  ",
    "EXPLAIN",
    "EXPLAIN EXPLAIN SELECT 1",
    "WITH own AS (SELECT 1) UPDATE sqlite_master SET sql = ''",
    "SELECT '\x00'",
    "SELECT '\ud800'",
]
SQLITE_WRITES = [
    "ATTACH DATABASE 'other.db' AS other",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA user_version",
    "VACUUM INTO 'copy.db'",
    "REPLACE INTO games (id) VALUES (1)",
    "EXPLAIN DELETE FROM games",
    "EXPLAIN ATTACH DATABASE 'other.db' AS other",
    "SELECT load_extension('mine.so')",
    "SELECT * FROM pragma_user_version",
    "SELECT * FROM pragma_journal_mode",
]
POSTGRESQL_WRITES = [
    "SELECT * INTO mine FROM games",
    "SELECT * FROM games FOR UPDATE",
    "EXPLAIN ANALYZE DELETE FROM games",
    "EXPLAIN ANALYZE CREATE TABLE mine AS SELECT 1",
    "EXPLAIN (ANALYZE, COSTS off) CREATE TABLE mine AS SELECT 1",
    "EXPLAIN ANALYZE VERBOSE EXECUTE mine",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT lo_create(0)",
    "COPY games TO '/tmp/games.txt'",
    "DO $$ BEGIN DELETE FROM games; END $$",
    "SET TRANSACTION READ WRITE",
    "TRUNCATE games CASCADE",
]


def assert_refused(reader: Engine, query: str) -> None:
    before = state(reader)

    with pytest.raises(QueryRefused) as caught:
        ask(reader, query)

    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.exit_code == 2
    assert state(reader) == before


def test_whatever_is_not_one_reading_statement_is_refused(reader: Engine) -> None:
    for query in WRITES:
        assert_refused(reader, query)


@pytest.fixture
def sqlite_reader(sqlite_url: str, tmp_path: Path) -> Iterator[Engine]:
    reader = db.connect(sqlite_url, is_read_only=True)
    yield reader
    reader.dispose()
    assert not {"other.db", "copy.db"} & {path.name for path in tmp_path.iterdir()}


@pytest.fixture
def postgres_reader(postgres_url: str) -> Iterator[Engine]:
    reader = db.connect(postgres_url, is_read_only=True)
    yield reader
    reader.dispose()


def test_sqlite_has_no_back_door(
    sqlite_reader: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for query in SQLITE_WRITES:
        assert_refused(sqlite_reader, query)


def test_postgresql_has_no_back_door(postgres_reader: Engine) -> None:
    for query in POSTGRESQL_WRITES:
        assert_refused(postgres_reader, query)


def test_even_an_engine_that_can_write_does_not(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = SQLITE_WRITES if engine.dialect.name == "sqlite" else POSTGRESQL_WRITES

    for query in [*WRITES, *own]:
        assert_refused(engine, query)


def test_the_first_word_is_named_where_it_is_not_one_that_reads(reader: Engine) -> None:
    with pytest.raises(QueryRefused, match=r"begins with SELECT, WITH, .* not DELETE$"):
        ask(reader, "DELETE FROM games")


def test_what_sqlite_refuses_to_do_is_told_as_a_matter_of_reading(sqlite_reader: Engine) -> None:
    with pytest.raises(QueryRefused, match=r"not authorized.*; a query can only read"):
        ask(sqlite_reader, "WITH own AS (SELECT 1) DELETE FROM games")


def test_the_words_of_postgresql_are_told_without_its_drawing(postgres_reader: Engine) -> None:
    with pytest.raises(QueryRefused, match=r"refused: syntax error at or near \"games\"$"):
        ask(postgres_reader, "SELECT id FORM games")


def test_two_statements_are_refused_as_two(reader: Engine) -> None:
    with pytest.raises(QueryRefused, match=r"one statement at a time|multiple commands"):
        ask(reader, "SELECT 1; SELECT 2")


HINTS = [
    ("SELECT * FROM gmaes", r"gmaes.*, did you mean games\?$"),
    ("SELECT titel FROM games", r"titel.*, did you mean title\?$"),
    ("SELECT g.titel FROM games g", r"titel.*, did you mean title\?$"),
    ("SELECT awardedat FROM v_unlocks", r"awardedat.*, did you mean awarded_at\?$"),
    ("SELECT * FROM zzzzzz", r"zzzzzz.*; there are .*games.*unlocks"),
    ("SELECT valid_from FROM games", r"refused: [^,;]*valid_from[^,;]*$"),
    ("SELECT zzzzzz FROM games", r"zzzzzz[^,;]*$"),
    ("SELECT 1 +", r"syntax|incomplete"),
]


def test_a_name_that_is_missing_is_told_with_the_nearest_one(reader: Engine) -> None:
    for query, hint in HINTS:
        with pytest.raises(QueryRefused, match=hint):
            ask(reader, query)


@pytest.mark.parametrize("shown", ["n", "max(n)"])
def test_an_endless_query_ends_in_time(reader: Engine, shown: str) -> None:
    started = time.monotonic()

    with pytest.raises(QueryRefused, match=r"longer than 0\.3 s and was stopped; --timeout allows"):
        for _ in sql.run_query(reader, ENDLESS.format(shown), seconds=0.3)[1]:
            pass

    assert time.monotonic() - started < 5


def test_a_reader_who_takes_his_time_is_not_cut_off(reader: Engine) -> None:
    _, rows = sql.run_query(reader, ENDLESS.format("n"), seconds=0.5, max_rows=1500)
    first = next(rows)

    time.sleep(0.7)

    assert [first, *rows][-1] == (1500,)


@pytest.fixture
def soon() -> Iterator[threading.Timer]:
    """Yield a timer that, once started, presses Ctrl-C in a moment."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a script may ignore it
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    yield timer
    timer.cancel()
    timer.join()
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_query_at_once(reader: Engine, soon: threading.Timer) -> None:
    started = time.monotonic()
    soon.start()

    with pytest.raises(KeyboardInterrupt):
        ask(reader, ENDLESS.format("max(n)"))

    assert time.monotonic() - started < 5


def test_a_wish_to_stop_ends_a_query_at_once(reader: Engine, soon: threading.Timer) -> None:
    stop = Stop()
    before = signal.signal(signal.SIGINT, stop.request)
    started = time.monotonic()
    soon.start()

    try:
        with pytest.raises(Stopped):
            ask(reader, ENDLESS.format("max(n)"), stop=stop)
    finally:
        signal.signal(signal.SIGINT, before)

    assert time.monotonic() - started < 5


def test_a_wish_of_another_thread_to_stop_ends_a_query_at_once(reader: Engine) -> None:
    stop = Stop()
    started = time.monotonic()
    other = threading.Timer(0.3, stop.request)
    other.start()

    with pytest.raises(Stopped):
        ask(reader, ENDLESS.format("max(n)"), stop=stop)
    other.join()

    assert time.monotonic() - started < 5


def test_a_stopped_query_does_not_go_on_in_the_server(
    postgres_reader: Engine, soon: threading.Timer
) -> None:
    stop = Stop()
    before = signal.signal(signal.SIGINT, stop.request)
    soon.start()
    try:
        with pytest.raises(Stopped):
            ask(postgres_reader, "SELECT pg_sleep(20)", stop=stop)
    finally:
        signal.signal(signal.SIGINT, before)

    running = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 5
    while ask(postgres_reader, running)[1] != [(0,)]:
        assert time.monotonic() < deadline


def test_sqlite_makes_no_value_that_would_not_fit(sqlite_reader: Engine) -> None:
    with pytest.raises(QueryRefused, match="too big"):
        ask(sqlite_reader, "SELECT length(hex(zeroblob(50000000)))")


def test_sqlite_tells_what_its_tables_are_made_of(sqlite_reader: Engine) -> None:
    query = "SELECT name FROM pragma_table_info('consoles')"

    assert ask(sqlite_reader, query)[1] == [("id",), ("name",)]
    assert ask(sqlite_reader, "SELECT value FROM json_each('[1, 2]')")[1] == [(1,), (2,)]


def test_text_that_is_none_is_refused_in_one_line(sqlite_reader: Engine) -> None:
    with pytest.raises(QueryRefused, match="UTF-8"):
        ask(sqlite_reader, "SELECT CAST(x'ff' AS TEXT)")


def test_a_value_that_cannot_be_told_is_refused_in_one_line(postgres_reader: Engine) -> None:
    with pytest.raises(QueryRefused, match="the query was refused: "):
        ask(postgres_reader, "SELECT 'infinity'::timestamptz")


def test_a_damaged_file_is_the_databases_trouble(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "harvester.db"
    path.write_bytes(path.read_bytes()[:8192] + os.urandom(16384))
    reader = db.connect(sqlite_url, is_read_only=True)

    with pytest.raises(DatabaseUnfit, match="the database cannot be used: "):
        ask(reader, "SELECT * FROM games")
    reader.dispose()


def test_a_file_that_is_not_there_is_the_databases_trouble(tmp_path: Path) -> None:
    reader = db.connect(f"sqlite:///{tmp_path}/none.db", is_read_only=True)

    with pytest.raises(DatabaseUnfit, match="cannot be used"):
        ask(reader, "SELECT 1")
    assert not (tmp_path / "none.db").exists()
    reader.dispose()


def test_a_lost_server_is_the_databases_trouble(postgres_reader: Engine, postgres_url: str) -> None:
    _, rows = sql.run_query(postgres_reader, ENDLESS.format("n"))
    other = db.connect(postgres_url)
    with other.begin() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    other.dispose()

    with pytest.raises(DatabaseUnfit, match="the database cannot be used: "):
        list(rows)


def test_the_query_leaves_no_trace_in_the_engine(sqlite_engine: Engine) -> None:
    ask(sqlite_engine, "SELECT 1")

    with sqlite_engine.begin() as conn:
        conn.execute(schema.games.insert().values(id=5, first_seen_at=AT))
    assert ask(sqlite_engine, "SELECT id FROM games")[1] == [(5,)]
