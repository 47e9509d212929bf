"""The benchmarks on the database of a year, at a tiny size: it is sound, everything is asked."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from commands import ROOT, Shell
from sqlalchemy import Connection, func, select

from benchmarks import dashboard, exports, full, process, questions
from benchmarks.dashboard import Given
from harvester.store import db, migrate, schema

pytestmark = pytest.mark.xdist_group("year")  # it is filled once

TINY = full.Scale(games=3, own=4, unlocks=1_200, played=10)
WORDS = "# Figures\n\n<!-- {0}: begin -->\nold\n<!-- {0}: end -->\n\nAnd more.\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("year")


@pytest.fixture(scope="module")
def urls(folder: Path, postgres: str) -> Iterator[Mapping[str, str]]:
    """Fill both kinds of database; PostgreSQL was loaded before, with its warnings."""
    assert postgres
    with questions.databases(folder, TINY, questions.DATABASES) as made:
        yield made


@pytest.fixture(params=questions.DATABASES)
def url(request: pytest.FixtureRequest, urls: Mapping[str, str]) -> str:
    return urls[request.param]


@pytest.fixture
def year(url: str) -> Iterator[Connection]:
    """Yield a connection for reading, to each of them in turn."""
    engine = db.connect(url, is_read_only=True)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let figures be taken once, and of a tiny database."""
    monkeypatch.setattr(questions, "TIMES", 1)
    monkeypatch.setattr(full, "Scale", lambda: TINY)


# --- the database ----------------------------------------------------------------------


def test_the_year_is_at_the_schema_of_this_program_and_passes_its_check(
    shell: Shell, year: Connection, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate.current(year) == migrate.head()
    monkeypatch.setenv("HARVESTER_DATABASE_URL", url)

    done = shell("db", "check")

    assert done.code == 0, done.out
    assert "problem" not in done.out


def test_every_table_has_something_in_it(year: Connection) -> None:
    tables = schema.metadata.tables.items()
    empty = {name for name, table in tables if year.execute(select(table).limit(1)).first() is None}

    assert empty == {
        "unlock_absences",
        "watched_before",
    }  # nobody is under suspicion, or left and came back


def test_postgresql_holds_the_same_as_sqlite(urls: Mapping[str, str]) -> None:
    told = [_everything(urls[name]) for name in questions.DATABASES]

    assert told[0] == told[1]


def _everything(url: str) -> dict[str, Counter[tuple[Any, ...]]]:
    engine = db.connect(url, is_read_only=True)
    with engine.connect() as conn:
        told = {
            name: Counter(tuple(row) for row in conn.execute(select(table)))
            for name, table in schema.metadata.tables.items()
        }
    engine.dispose()
    return told


def test_the_year_ends_when_it_is_asked_about(year: Connection) -> None:
    ends = year.scalar(select(func.max(schema.fetches.c.last_at)))
    news = year.scalar(
        select(func.count())
        .select_from(schema.unlocks)
        .where(schema.unlocks.c.unlocked_at >= full.NOW - timedelta(days=1))
    )

    assert ends == full.NOW
    assert news


def test_a_folder_is_filled_once(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert postgres
    for _ in range(2):
        with questions.databases(tmp_path, TINY, questions.DATABASES) as made:
            assert list(made) == list(questions.DATABASES)
        for name in ("fill", "copy"):
            monkeypatch.setattr(full, name, _refuse)


def test_a_database_whose_filling_was_broken_off_is_filled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(full, "_contents", _refuse)
        with pytest.raises(KeyboardInterrupt), questions.databases(tmp_path, TINY, ["SQLite"]):
            pass

    with questions.databases(tmp_path, TINY, ["SQLite"]) as made:
        assert sum(_everything(made["SQLite"])["unlocks"].values()) == TINY.unlocks


def test_a_folder_of_another_schema_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with questions.databases(tmp_path, TINY, ["SQLite"]):
        pass
    monkeypatch.setattr(migrate, "head", lambda: "a later one")

    with (
        pytest.raises(SystemExit, match="another version of the schema; remove it"),
        questions.databases(tmp_path, TINY, ["SQLite"]),
    ):
        pass


def _refuse(*_: object) -> None:
    raise KeyboardInterrupt


# --- the questions ---------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
def test_every_question_is_asked_and_has_a_line_in_the_tables(url: str) -> None:
    asked = [one.what for one in questions.questions(TINY)]

    found = dict(questions.measure(url, TINY))

    assert [what for _, what, _ in found] == [*asked, *questions.pages(TINY)]
    assert len(set(asked)) == len(asked)
    assert all(took > 0 for took in found.values())
    told = "\n".join(questions.written({"one": found, "another": found}))
    assert re.findall(r"^\| (.*?) +\| +\d+ \| ", told, re.MULTILINE) == [
        what for _, what, _ in found
    ]


def test_what_takes_too_long_in_one_database_is_not_reached() -> None:
    asked = ("trends", "`players`", 50)

    for took, reached in ((50.0, "yes"), (51.0, "no")):
        (_, table) = questions.written({"one": {asked: 2.0}, "another": {asked: took}})
        assert (
            table.split("\n")[-1].split()
            == f"| `players` | 50 | 2 | {took:.0f} | {reached} |".split()
        )


@pytest.mark.usefixtures("hasty", "urls")
def test_the_questions_are_written_between_their_marks(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written = _write(tmp_path, monkeypatch, questions, folder, "--only", "`top tickets`, 7")

    assert "| `top tickets`, 7 days |" in capsys.readouterr().out
    assert "| `top tickets`, 7 days |" in written


def _write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, folder: Path, *more: str
) -> str:
    """Run one on SQLite, and see that it leaves the words around its marks alone."""
    name = module.__name__.rpartition(".")[2]
    path = tmp_path / "figures.md"
    path.write_text(WORDS.format(name))
    args = [name, str(folder), "--database", "SQLite", "--write", str(path), *more]
    monkeypatch.setattr(sys, "argv", args)

    module.main()

    before, after = WORDS.format(name).split("old\n")
    told = path.read_text()
    assert told.startswith(before + "\nMeasured on ")
    assert told.endswith("\n" + after)
    return told


# --- the dashboard ---------------------------------------------------------------------


@pytest.mark.usefixtures("hasty", "urls")
def test_the_server_gives_every_kind_of_page_and_the_table_is_written_between_its_marks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = _write(tmp_path, monkeypatch, dashboard, folder, "--seconds", "0.01")

    rows = re.findall(r"^\| (\w[\w ]*\w) +\|.*\|$", written, re.MULTILINE)
    assert rows == ["pages", *dashboard.pages(TINY), dashboard.ALL]


def test_the_server_is_asked_at_the_end_of_the_year(urls: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "benchmarks.clocked", "--config", "/dev/null", "trend"]
    words = ["players", "--game", "1", "--since", "2d", "--every", "1d", "--format", "json"]
    env = process.environment({"HARVESTER_DATABASE_URL": urls["SQLite"]})
    done = subprocess.run([*command, *words], cwd=ROOT, env=env, capture_output=True, check=True)

    rows = json.loads(done.stdout)

    assert rows[-1]["time"].startswith(f"{full.NOW:%Y-%m-%d}T00:00")
    assert all(row["is_observed"] for row in rows)


@pytest.mark.parametrize(("seconds", "reached"), [(5.0, "yes"), (5.1, "no")])
def test_twenty_pages_a_second_are_reached_where_both_databases_give_them(
    seconds: float, reached: str
) -> None:
    quick, slow = Given([10.0] * 100, 1.0), Given([10.0] * 99 + [300.0], seconds)

    told = dashboard.written({name: {dashboard.ALL: one} for name, one in _named(quick, slow)})

    row = told.split("\n")[-1]
    assert [cell.strip() for cell in row.split("|")[3:]] == [
        *("100.0", "10", "10", f"{100 / seconds:.1f}", "10", "10", reached, "")
    ]


def _named(*given: Given) -> Iterator[tuple[str, Given]]:
    return zip(("one", "another"), given, strict=True)


# --- exports ---------------------------------------------------------------------------


def test_as_many_unlocks_are_exported_as_asked_for(conn: Connection) -> None:
    exports.fill(conn, 10_000)

    assert conn.scalar(select(func.count()).select_from(schema.unlocks)) == 10_000


def test_an_export_is_measured_as_a_whole_and_by_months() -> None:
    lines = [_cells(line) for line in exports.measure(5_000, ["csv"], is_postgres=False)]

    assert [cells[:2] for cells in lines] == [["csv", "5,000"], ["csv --partition month", "5,000"]]
    assert all(
        float(number) > 0 for *_, wall, memory, _ in lines for number in _firsts(wall, memory)
    )


def _cells(line: str) -> Sequence[str]:
    return line.strip("| ").split(" | ")


def _firsts(*cells: str) -> Iterator[str]:
    return (cell.split()[0] for cell in cells)
