import gc
import json
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
import victims
from commands import Shell
from exports import duck, export, games, ndjson, order, parquet, record, rfc, stored
from filelock import FileLock
from harvests import fetch
from sqlalchemy import Engine, inspect, text
from worlds import NOW, Bench

from harvester import exported
from harvester.errors import ConfigError, Stopped
from harvester.sandbox.world import World
from harvester.stop import Stop
from harvester.store import db, extracts, schema

DAY = timedelta(days=1)
SECRET = "what-must-not-be-found"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Yield an empty folder to export to."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def harvested(
    bench_of: Callable[..., Bench], world: World, database_url: str
) -> Iterator[tuple[Bench, Engine]]:
    """Harvest a small world: every job found something."""
    world.add_game(1, "Sonic", 1)
    for number in (11, 12):
        world.add_achievement(1, f"=Deed {number}", id=number)
    ann = world.add_user("Ann")
    world.unlock(ann, 11, at=NOW - 40 * DAY)
    world.unlock(ann, 12, at=NOW - DAY, is_hardcore=False)
    world.open_ticket(11, ann, reported_at=NOW - DAY)
    watch = '[watch]\ngames = [1]\nusers = ["Ann"]\ndevelopers = ["SandboxOwner"]'
    bench = bench_of(watch, database=database_url)
    fetch(bench)
    engine = db.connect(database_url)
    db.log_ahead(engine)
    yield bench, engine
    engine.dispose()


def names(folder: Path) -> list[str]:
    """List the files that others see."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in files if not path.name.startswith("."))


def test_every_table_of_a_harvest_is_a_file_with_its_rows(
    harvested: tuple[Bench, Engine], out: Path
) -> None:
    done = export(harvested[1], order(out))

    wanted = set(schema.metadata.tables) - {"unlock_absences"}
    assert set(done) == wanted
    assert set(names(out)) == {*(f"{one}.parquet" for one in wanted), "export.json"}
    for name in wanted:
        assert parquet(out / f"{name}.parquet") == stored(harvested[1], name)
    assert done["unlocks"].rows == 2


def test_a_view_is_exported_by_its_name(harvested: tuple[Bench, Engine], out: Path) -> None:
    export(harvested[1], order(out, "ndjson", "v_unlocks"))

    assert names(out) == ["export.json", "v_unlocks.ndjson"]
    rows = ndjson(out / "v_unlocks.ndjson")
    assert [(row["user"], row["hardcore_at"] is None, row["time"]) for row in rows] == [
        ("Ann", False, "2026-01-20T12:00:00Z"),
        ("Ann", True, "2026-02-28T12:00:00Z"),
    ]


def test_every_view_can_be_exported_with_instants_that_are_instants(
    harvested: tuple[Bench, Engine], out: Path
) -> None:
    views = [one for one in kinds(harvested[1]).values() if one.is_view]
    export(harvested[1], order(out, "parquet", *(one.name for one in views)))

    for view in views:
        assert view.columns["time"] == "instant"
        assert duck(f"SELECT count(*) AS n FROM '{out}/{view.name}.parquet'")


def kinds(engine: Engine) -> dict[str, extracts.Relation]:
    with engine.connect() as conn:
        return extracts.known(conn)


def test_both_databases_export_the_same_types(sqlite_engine: Engine, postgres_url: str) -> None:
    other = db.connect(postgres_url)
    expected = kinds(other)
    with other.connect() as conn:
        told = inspect(conn)
        for view in (one for one in expected.values() if one.is_view):
            exact = {
                own["name"]: extracts._kind(own["type"]) for own in told.get_columns(view.name)
            }
            assert view.columns == exact
    other.dispose()

    assert kinds(sqlite_engine) == expected


def test_nothing_that_only_the_program_needs_leaves_the_database(
    harvested: tuple[Bench, Engine], out: Path
) -> None:
    inside = {"cursor": SECRET, "memory": SECRET, "digests": SECRET, "token": SECRET}
    with harvested[1].begin() as conn:
        conn.execute(schema.polls.update().values(inside))
        conn.execute(schema.fetches.update().values(payload=SECRET))
        conn.execute(schema.runs.update().values(host=SECRET))

    export(harvested[1], order(out, "csv"))

    for name in names(out):
        assert SECRET not in (out / name).read_text()


def test_all_files_are_of_one_moment_while_a_harvest_goes_on(
    harvested: tuple[Bench, Engine], database_url: str, out: Path
) -> None:
    writer = db.connect(database_url)
    written: list[int] = []

    def meanwhile(_table: str, _rows: int) -> None:
        number = 100 + len(written)
        games(writer, number)
        record(writer, schema.game_counters, [{"game_id": number, "players": 1}], at=NOW + DAY)
        written.append(number)

    tables = ("achievements", "games", "game_counters", "unlocks")
    done = export(harvested[1], order(out, "csv", *tables), tell=meanwhile)
    writer.dispose()

    assert len(written) == 4
    assert {name: one.rows for name, one in done.items()} == {
        "achievements": 2,
        "games": 1,
        "game_counters": 1,
        "unlocks": 2,
    }


def test_an_export_takes_the_place_of_the_one_before(engine: Engine, out: Path) -> None:
    games(engine, 1)
    export(engine, order(out, "csv", "games"))
    (out / "mine.csv").write_text("kept")
    (out / "games").mkdir()
    (out / "games" / "mine.csv").write_text("kept")
    games(engine, 2)
    export(engine, order(out, "csv", "games"), at=NOW + DAY)

    assert len((out / "games.csv").read_text().splitlines()) == 3
    assert names(out) == ["export.json", "games.csv", "games/mine.csv", "mine.csv"]


def test_what_changed_since_comes_beside_what_was_there(engine: Engine, out: Path) -> None:
    games(engine, 1, 2, 3)
    told = [{"game_id": number, "players": 5} for number in (1, 2)]
    record(engine, schema.game_counters, told, at=NOW - DAY)
    tables = ("games", "game_counters")
    export(engine, order(out, "parquet", *tables), at=NOW)
    assert names(out) == ["export.json", "game_counters.parquet", "games.parquet"]

    changed = [{"game_id": 1, "players": 6}, {"game_id": 3, "players": 1}]
    record(engine, schema.game_counters, changed, at=NOW + 2 * DAY)
    since_last = order(out, "parquet", *tables, since="last")
    export(engine, since_last, at=NOW + 2 * DAY)

    first, second = "20260301T120000Z.parquet", "20260303T120000Z.parquet"
    parts = [f"game_counters/{first}", f"game_counters/{second}"]
    assert names(out) == ["export.json", *parts, "games.parquet"]
    rows = parquet(out / parts[1])
    seen = {(row["game_id"], row["players"], row["valid_to"]) for row in rows}
    assert seen == {(1, 5, NOW + 2 * DAY), (1, 6, None), (3, 1, None)}
    assert parquet(out / "games.parquet") == stored(engine, "games")


def test_where_nothing_changed_no_file_comes(engine: Engine, out: Path) -> None:
    games(engine, 1)
    record(engine, schema.game_counters, [{"game_id": 1, "players": 5}], at=NOW)
    wanted = order(out, "csv", "game_counters", since="last")
    export(engine, wanted, at=NOW + DAY)
    done = export(engine, wanted, at=NOW + 2 * DAY)

    assert done["game_counters"].rows == 0
    assert names(out) == ["export.json", "game_counters/20260302T120000Z.csv"]


def test_a_row_that_was_on_its_way_at_the_last_export_is_not_missed(
    engine: Engine, out: Path
) -> None:
    games(engine, 1)
    wanted = order(out, "ndjson", "game_counters", since="last")
    export(engine, wanted, at=NOW)
    late = [{"game_id": 1, "players": 5}]
    record(engine, schema.game_counters, late, at=NOW - timedelta(seconds=10))

    assert export(engine, wanted, at=NOW + DAY)["game_counters"].rows == 1


def test_a_clock_that_was_set_back_lets_everything_be_exported_again(
    engine: Engine, out: Path
) -> None:
    games(engine, 1)
    record(engine, schema.game_counters, [{"game_id": 1, "players": 5}], at=NOW - 9 * DAY)
    wanted = order(out, "csv", "game_counters", since="last")
    export(engine, wanted, at=NOW)
    done = export(engine, wanted, at=NOW - DAY)

    assert done["game_counters"].rows == 1
    assert names(out) == ["export.json", "game_counters/20260228T120000Z.csv"]


def test_everything_exported_again_takes_the_place_of_the_parts(engine: Engine, out: Path) -> None:
    games(engine, 1)
    record(engine, schema.game_counters, [{"game_id": 1, "players": 5}], at=NOW)
    for form in ("csv", "ndjson"):
        export(engine, order(out, form, "game_counters", since="last"))
    export(engine, order(out, "csv", "game_counters"), at=NOW + DAY)

    ndjson_part = "game_counters/20260301T120000Z.ndjson"
    assert names(out) == ["export.json", "game_counters.csv", ndjson_part]


def test_only_what_began_or_ended_since_a_date_is_exported(engine: Engine, out: Path) -> None:
    games(engine, 1, 2)
    for number, at in ((1, NOW - 9 * DAY), (2, NOW - 9 * DAY), (1, NOW - DAY)):
        players = {"game_id": number, "players": at.day}
        record(engine, schema.game_counters, [players], at=at)
    wanted = order(out, "ndjson", "game_counters", "games", since=NOW - 2 * DAY)
    export(engine, wanted)

    rows = ndjson(out / "game_counters.ndjson")
    assert [(row["game_id"], row["valid_to"] is None) for row in rows] == [(1, False), (1, True)]
    assert len(ndjson(out / "games.ndjson")) == 2


def counted(engine: Engine, *days: float) -> None:
    """Have a game's players counted anew so many days ago."""
    for own in days:
        told = [{"game_id": 1, "players": round(100 - own)}]
        record(engine, schema.game_counters, told, at=NOW - own * DAY)


def told(folder: Path, name: str = "game_counters") -> dict[str, Any]:
    """Read what the folder says of a table."""
    remembered: dict[str, Any] = json.loads((folder / "export.json").read_text())["ndjson"][name]
    return remembered


def test_a_part_of_what_is_there_does_not_take_its_place(engine: Engine, out: Path) -> None:
    games(engine, 1)
    counted(engine, 9, 5)
    export(engine, order(out, "ndjson", "game_counters"), at=NOW - 4 * DAY)
    before = {name: (out / name).read_bytes() for name in names(out)}
    counted(engine, 1)

    said = r"^game_counters is in .*out with all its rows, of which .* name another folder, or take"
    with pytest.raises(ConfigError, match=said):
        export(engine, order(out, "ndjson", "games", "game_counters", since=NOW - 2 * DAY))
    assert {name: (out / name).read_bytes() for name in names(out)} == before

    export(engine, order(out, "ndjson", "game_counters", since="last"))
    assert len({row["valid_from"] for row in rows_of(out, "game_counters")}) == 3


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    files = [*folder.glob(f"{name}.ndjson"), *(folder / name).rglob("*.ndjson")]
    return [row for file in files for row in ndjson(file)]


def test_a_folder_that_begins_at_a_date_says_so_and_goes_on_from_there(
    engine: Engine, out: Path
) -> None:
    games(engine, 1)
    counted(engine, 9, 5)
    day = rfc(NOW - 6 * DAY)
    export(engine, order(out, "ndjson", "game_counters", since=NOW - 6 * DAY), at=NOW - 4 * DAY)
    assert told(out)["since"] == day

    counted(engine, 1)
    for at in (NOW, NOW + DAY, NOW - DAY):  # at last the clock is set back
        export(engine, order(out, "ndjson", "game_counters", since="last"), at=at)
        assert told(out)["since"] == day
        days = {row["valid_from"] for row in rows_of(out, "game_counters")}
        assert days == {rfc(NOW - own * DAY) for own in (9, 5, 1)}  # the first ended since

    with pytest.raises(ConfigError, match=r"with its rows since 2026-02-23 12:00, of which"):
        export(engine, order(out, "ndjson", "game_counters", since=NOW - 2 * DAY), at=NOW + DAY)
    export(engine, order(out, "ndjson", "game_counters"), at=NOW + 2 * DAY)
    assert told(out)["since"] is None


def test_a_view_begins_where_its_folder_does_after_the_last_time_too(
    harvested: tuple[Bench, Engine], out: Path
) -> None:
    engine, tables, since = harvested[1], ("unlocks", "v_unlocks"), NOW - 3 * DAY
    for when in (since, "last", "last", since):
        export(engine, order(out, "ndjson", *tables, since=when))
        times = [row["time"] for row in rows_of(out, "v_unlocks")]
        assert times == [rfc(NOW - DAY)]
        assert told(out, "v_unlocks")["since"] == rfc(since)

    with pytest.raises(ConfigError, match=r"^v_unlocks is .* with its rows since 2026-02-26 12:00"):
        export(engine, order(out, "ndjson", "v_unlocks", since=NOW - 2 * DAY))
    export(engine, order(out, "ndjson", *tables))
    export(engine, order(out, "ndjson", *tables, since="last"), at=NOW + DAY)
    assert len(rows_of(out, "v_unlocks")) == 2


def test_what_began_since_an_age_is_written_anew_each_day(engine: Engine, out: Path) -> None:
    games(engine, 1)
    counted(engine, 9, 5, 1)
    for at in (NOW, NOW + DAY):
        wanted = order(out, "ndjson", "games", "game_counters", since=at - 3 * DAY)
        export(engine, wanted, at=at)

    assert told(out)["since"] == rfc(NOW - 2 * DAY)
    assert told(out, "games")["since"] is None
    assert names(out) == ["export.json", "game_counters.ndjson", "games.ndjson"]


def test_a_kill_while_a_file_shrinks_leaves_nothing_said_of_it(
    engine: Engine, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    games(engine, 1)
    counted(engine, 9, 5, 1)
    export(engine, order(out, "ndjson", "game_counters", since=NOW - 8 * DAY))
    with monkeypatch.context() as patch:
        patch.setattr(exported, "sweep", raising(KeyboardInterrupt))
        wanted = order(out, "ndjson", "game_counters", since=NOW - 2 * DAY)
        with pytest.raises(KeyboardInterrupt):
            export(engine, wanted, at=NOW + DAY)

    done = export(engine, order(out, "ndjson", "game_counters", since="last"), at=NOW + 2 * DAY)
    assert done["game_counters"].rows == 3
    assert told(out)["since"] is None


def raising(what: type[BaseException]) -> Callable[..., None]:
    def broken_off(*_args: object) -> None:
        raise what

    return broken_off


def test_where_the_files_were_taken_away_everything_is_exported_again(
    engine: Engine, out: Path
) -> None:
    games(engine, 1)
    counted(engine, 9, 5)
    export(engine, order(out, "ndjson", "game_counters"))
    (out / "game_counters.ndjson").unlink()

    wanted = order(out, "ndjson", "game_counters", since="last")
    assert export(engine, wanted, at=NOW + DAY)["game_counters"].rows == 2


def test_what_an_older_version_remembered_is_read_as_a_whole_table(
    engine: Engine, out: Path
) -> None:
    games(engine, 1)
    counted(engine, 9, 5)
    export(engine, order(out, "ndjson", "game_counters"))
    old = {"exported_at": "2026-03-01T12:00:00Z", "rows": 2, "is_by_month": False}
    (out / "export.json").write_text(json.dumps({"ndjson": {"game_counters": old}}))
    record(engine, schema.game_counters, [{"game_id": 1, "players": 1}], at=NOW + DAY)

    with pytest.raises(ConfigError, match="with all its rows"):
        export(engine, order(out, "ndjson", "game_counters", since=NOW), at=NOW + DAY)
    wanted = order(out, "ndjson", "game_counters", since="last")
    assert export(engine, wanted, at=NOW + 2 * DAY)["game_counters"].rows == 2


def test_months_are_folders_that_duckdb_and_arrow_read_as_a_column(
    harvested: tuple[Bench, Engine], out: Path
) -> None:
    tables = ("unlocks", "games", "game_counters", "tickets", "ticket_states")
    export(harvested[1], order(out, "parquet", *tables, is_by_month=True))

    at = "20260301T120000Z.parquet"
    assert names(out) == [
        "export.json",
        f"game_counters/month=2026-03/{at}",
        "games.parquet",
        f"ticket_states/month=2026-03/{at}",
        f"tickets/month=2026-02/{at}",
        f"unlocks/month=2026-01/{at}",
        f"unlocks/month=2026-02/{at}",
    ]
    query = f"SELECT month, achievement_id FROM '{out}/unlocks/*/*.parquet'"
    expected = [
        {"month": "2026-01", "achievement_id": 11},
        {"month": "2026-02", "achievement_id": 12},
    ]
    assert duck(query) == expected
    dataset = ds.dataset(out / "unlocks", partitioning="hive")
    found = dataset.to_table(columns=["month", "achievement_id"]).to_pylist()
    assert sorted(found, key=lambda row: str(row["month"])) == expected


def test_an_empty_table_cut_by_months_can_be_read(engine: Engine, out: Path) -> None:
    export(engine, order(out, "parquet", "unlocks", is_by_month=True))

    assert duck(f"SELECT * FROM '{out}/unlocks/*/*.parquet'") == []


def test_a_folder_is_cut_by_months_or_it_is_not(engine: Engine, out: Path) -> None:
    export(engine, order(out, "csv", "unlocks", is_by_month=True))

    with pytest.raises(ConfigError, match=r"with --partition month; do the same, or leave --since"):
        export(engine, order(out, "csv", "unlocks", since="last"), at=NOW + DAY)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_kill_leaves_no_half_file_and_the_next_export_cleans_up(
    engine: Engine, database_url: str, out: Path, form: str
) -> None:
    games(engine, *range(1, 20_001))
    export(engine, order(out, form, "consoles", "games"))
    before = {name: (out / name).read_bytes() for name in names(out)}
    games(engine, 30_000)

    assert victims.run(victims.export, database_url, out, form) == -signal.SIGKILL
    assert len(list(out.glob(f".games.{form}.*.unfinished"))) == 1
    assert {name: (out / name).read_bytes() for name in names(out)} == before

    export(engine, order(out, form, "games"), at=NOW + DAY)
    assert list(out.glob(".*.unfinished")) == []


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_full_disk_leaves_what_was_there(engine: Engine, database_url: str, out: Path) -> None:
    games(engine, *range(1, 20_001), title="a title that takes some room")
    (out / "games.csv").write_text("before")

    assert victims.run(victims.export_on_a_small_disk, database_url, out, "csv") == 1
    assert names(out) == ["games.csv"]
    assert (out / "games.csv").read_text() == "before"
    assert list(out.glob(".*.unfinished")) == []


def test_who_is_not_let_in_is_told(
    engine: Engine, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, *_more: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ConfigError, match=r"cannot write to .*: Permission denied; check who"):
        export(engine, order(out, "csv"))


def test_two_exports_do_not_share_a_folder(engine: Engine, out: Path) -> None:
    with FileLock(out / ".export.lock"), pytest.raises(ConfigError, match="another export"):
        export(engine, order(out, "csv"))


ODD = '{"csv": {"games": {"exported_at": "%s", "rows": 1, "is_by_month": false, "since": "%s"}}}'


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", '{"csv": {"games": {}}}', '{"csv": 1}', "\xff"),
        *(ODD % odd for odd in (("x", ""), ("2026-03-01", ""), ("2026-03-01T12:00:00Z", "x"))),
    ],
)
def test_a_memory_that_makes_no_sense_is_told(engine: Engine, out: Path, text: str) -> None:
    (out / "export.json").write_text(text)

    with pytest.raises(ConfigError, match=r"export.json cannot be read; remove it"):
        export(engine, order(out, "csv", "games"))


@pytest.fixture
def configured(shell: Shell, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("HARVESTER_DATABASE_URL", sqlite_url)
    return shell


def test_the_command_tells_what_it_wrote_and_nothing_beside_it(
    configured: Shell, sqlite_engine: Engine
) -> None:
    games(sqlite_engine, 1)
    told = configured("export", "out", "--format", "ndjson", "--tables", "games,users")

    assert (told.code, told.err) == (0, "")
    assert "games" in told.out
    assert "out/games.ndjson" in told.out
    assert names(configured.folder / "out") == ["export.json", "games.ndjson", "users.ndjson"]


def test_the_command_takes_tables_ages_and_the_last_time(configured: Shell) -> None:
    for since in ("2026-03-01", "30d", "last"):
        wanted = ("--tables", "games, users", "--tables", "unlocks", "--since", since)
        assert configured("export", "out", *wanted, "--partition", "month").code == 0


WRONG = [
    (("--tables", "unlokcs"), "there is no table 'unlokcs' to export; did you mean unlocks?"),
    (
        ("--tables", "zzzzzzz"),
        "there is no table 'zzzzzzz' to export; there are achiev",
    ),
    (("--tables", "unlock_absences"), "there is no table 'unlock_absences' to export"),
    (("--since", "lats"), "--since lats: "),
    (("--format", "xml"), "xml"),
    (("--partition", "day"), "month"),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_what_is_not_understood_is_told_in_a_line(
    configured: Shell, words: tuple[str, ...], told: str
) -> None:
    outcome = configured("export", "out", *words)

    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


@pytest.mark.parametrize("where", ["taken", "taken/below"])
def test_a_file_is_no_folder(configured: Shell, where: str) -> None:
    (configured.folder / "taken").write_text("")
    outcome = configured("export", where)

    assert outcome.code == 2
    assert outcome.err == f"harvester: {where} is not a folder; name one that is, or a new one\n"


def test_parquet_without_pyarrow_says_what_to_install(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    outcome = configured("export", "out", "--format", "parquet")

    assert outcome.code == 2
    assert "pip install 'ra-harvester[parquet]'" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (configured.folder / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(
    configured: Shell,
    sqlite_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    games(sqlite_engine, *range(1, 12_001))
    real = extracts.chunks

    def disturbed(*args: object, **options: object) -> Iterator[extracts.Chunk]:
        for chunk in real(*args, **options):  # type: ignore[arg-type]
            yield chunk
            signal.raise_signal(number)

    monkeypatch.setattr(extracts, "chunks", disturbed)
    outcome = configured("export", "out", "--tables", "games")

    assert (outcome.code, outcome.err) == (130, "")
    assert names(configured.folder / "out") == []
    assert list((configured.folder / "out").glob(".*.unfinished")) == []


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) "
    "SELECT max(id) AS id, '2026-03-01 12:00:00' AS time FROM n",
    "postgresql": "SELECT 1 AS id, now() AS time FROM pg_sleep(600)",
}


@pytest.fixture
def endless(engine: Engine) -> Iterator[Engine]:
    """Yield a database with a view that never comes to its end."""
    with engine.begin() as conn:
        conn.exec_driver_sql(f"CREATE VIEW v_endless AS {ENDLESS[engine.dialect.name]}")
    yield engine
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP VIEW v_endless")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a cursor goes with its connection
def test_a_wish_to_stop_breaks_off_what_the_database_is_at(endless: Engine) -> None:
    stop = Stop()
    before = signal.signal(signal.SIGALRM, stop.request)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(Stopped):
            read(endless, "v_endless", stop)
    finally:
        signal.signal(signal.SIGALRM, before)
        gc.collect()


def read(engine: Engine, name: str, stop: Stop) -> None:
    with extracts.snapshot(engine, stop) as conn:
        (relation,) = extracts.relations(conn, [name])
        list(extracts.chunks(conn, relation))


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_rows_are_not_held_in_memory(engine: Engine, out: Path) -> None:
    few, many = (peak(engine, out, number) for number in (12_000, 48_000))

    assert many < 1.5 * few


def peak(engine: Engine, out: Path, number: int) -> int:
    """Tell how much memory Python took for an export of so many rows."""
    with engine.begin() as conn:
        conn.execute(schema.games.delete())
    games(engine, *range(1, number + 1))
    export(engine, order(out, "csv", "games"))  # once for what is only loaded
    tracemalloc.start()
    export(engine, order(out, "csv", "games"))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken


def test_postgresql_hands_rows_out_through_a_cursor_of_its_own(postgres_url: str) -> None:
    engine = db.connect(postgres_url)
    games(engine, *range(1, 3 * extracts.ROWS_AT_ONCE))
    with extracts.snapshot(engine, Stop()) as conn:
        (relation,) = extracts.relations(conn, ["games"])
        rows = extracts.chunks(conn, relation)
        with closing(rows):
            assert len(next(rows)) == extracts.ROWS_AT_ONCE
            assert conn.scalar(text("SELECT count(*) FROM pg_cursors")) == 1
    engine.dispose()
