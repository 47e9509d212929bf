import io
import json
import os
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from commands import ROOT, Shell
from looks import START, looked
from sqlalchemy import Engine

from harvester import __version__, cli, clock, demo
from harvester.cli import root
from harvester.cli.demo import _next_steps as next_steps
from harvester.errors import BudgetSpent, DatabaseHeld, Stopped
from harvester.store import db, history, migrate, notes, polls, runs, schema
from harvester.store.polls import Wanted
from harvester.store.rows import Batch

NOW = clock.now()


@pytest.fixture
def configured(shell: Shell) -> Shell:
    """Give the shell a configuration that watches nothing."""
    shell("init")
    return shell


@pytest.fixture
def remembering(configured: Shell, migrated_file: Path) -> Iterator[Engine]:
    """Give the shell a database that remembers a game."""
    shutil.copy(migrated_file, "harvester.db")
    engine = db.connect(f"sqlite:///{configured.folder}/harvester.db")
    with engine.begin() as conn:
        for days, players in ((3, 10), (1, 12)):
            for table, row in (
                (schema.game_versions, {"title": "=Sonic\x1b[2J"}),
                (schema.game_counters, {"players": players, "achievements": 5}),
            ):
                at = NOW - timedelta(days=days)
                history.record(conn, Batch(table, {"game_id": 1}, [row]), at=at, fetch_id=1)
    yield engine
    engine.dispose()


@pytest.fixture
def looked_at(remembering: Engine) -> None:
    """Have it on record that the game was looked at these three days."""
    now = (NOW - START) / timedelta(days=1)
    with remembering.begin() as conn:
        looked(conn, "progress", (now - 3, now), game=1)


# --- help, usage and endings -----------------------------------------------------------


def test_the_list_of_commands_says_what_every_command_says_of_itself(shell: Shell) -> None:
    context = click.Context(root.harvester)
    listed = shell("--help").out
    for name, (_, line) in root.COMMANDS.items():
        command = root.harvester.get_command(context, name)
        assert command is not None
        assert name in listed
        assert line in listed
        assert shell(name, "--help").code == 0


def all_commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from all_commands(command)


def test_every_command_has_help_and_every_option_can_come_from_the_environment() -> None:
    for command in all_commands(root.harvester):
        assert command.help, command.name
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden and option.name != "is_list":
                assert option.help, (command.name, option.name)
                assert str(option.envvar).startswith("HARVESTER_"), (command.name, option.name)


def test_every_command_takes_the_global_options_after_its_name() -> None:
    for command in all_commands(root.harvester):
        if not isinstance(command, click.Group):
            names = {name for option in command.params for name in option.opts}
            assert {"--config", "--log-format", "-v"} <= names, command.name


def test_help_fits_a_narrow_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, shell("--help").out.splitlines())) <= 50


def test_help_loads_none_of_the_heavy_libraries(shell: Shell) -> None:
    program = (
        "import sys; from harvester import cli; cli.run(['--help']);"
        "print({'sqlalchemy', 'requests', 'pydantic', 'alembic', 'rich'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == "set()"


def test_without_a_command_the_help_is_shown(shell: Shell) -> None:
    told = shell()
    assert told.code == 2
    assert "Commands:" in told.out + told.err


def test_the_version_is_told(shell: Shell) -> None:
    assert shell("--version").out == f"ra-harvester {__version__}\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fech"], "Did you mean 'fetch'?"),
        (["xyz"], "There are init, check"),
        (["fetch", "game-ticket"], "did you mean 'game-tickets'?"),
        (["fetch", "xyz"], "there are game-tickets, developer-tickets"),
        (["fetch", "--gmae", "1"], "--game"),
        (["status", "--format", "xml"], "no 'xml'"),
        (["watch", "add"], "say whom"),
        (["watch", "add", "--game", "0"], "'0' is no id"),
        (["watch", "add", "--game", "9" * 5000], "is no id"),
        (["watch", "import", "missing.csv"], "missing.csv"),
        (["trend"], "say which one"),
        (["query"], "SQL"),
        (["query", "SELECT 1", "--timeout", "soon"], "must be a duration"),
        (["healthcheck", "--within", "0s"], "must be a duration"),
        (["--log-format", "xml", "status"], "xml"),
    ],
)
def test_wrong_usage_is_told_with_what_is_right(shell: Shell, args: list[str], words: str) -> None:
    told = shell(*args)
    assert told.code == 2
    assert words in told.err
    assert "Traceback" not in told.err
    assert not told.out


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (DatabaseHeld("in use\nby another"), 6, "harvester: in use\\nby another\n"),
        (BudgetSpent("spent"), 0, "harvester: spent\n"),
        (Stopped(), 130, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_every_ending_has_its_code_and_at_most_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, end: BaseException, code: int, said: str
) -> None:
    ending_with(monkeypatch, end)
    told = shell("init")
    assert (told.code, told.out, told.err) == (code, "", said)


def ending_with(monkeypatch: pytest.MonkeyPatch, end: BaseException) -> None:
    @click.command()
    def fails() -> None:
        raise end

    monkeypatch.setattr(root.harvester, "get_command", lambda *_: fails)


def test_the_last_line_is_json_where_log_lines_are(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending_with(monkeypatch, DatabaseHeld("in use"))
    told = shell("--log-format", "json", "init")
    assert told.code == 6
    assert json.loads(told.err)["message"] == "in use"
    ending_with(monkeypatch, BudgetSpent("spent"))
    assert json.loads(shell("--log-format", "json", "init").err)["level"] == "warning"


def test_a_bug_shows_where_it_is_but_not_the_key(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARVESTER_API_KEY", "very-s3cret")
    shell("init")
    shell("watch", "list")
    ending_with(monkeypatch, ZeroDivisionError("y=very-s3cret"))
    told = shell("init")
    assert told.code == 1
    assert "Traceback" in told.err
    assert "ZeroDivisionError: y=***" in told.err
    assert "please report" in told.err
    assert "s3cret" not in told.err


def test_a_reader_that_leaves_early_is_no_trouble(configured: Shell) -> None:
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 300000) SELECT * FROM n"
    )
    assert configured("db", "upgrade").code == 0
    with configured.process("query", sql, "--format", "csv") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "i\n"
        process.stdout.close()
        assert process.wait(timeout=30) == 141
        assert process.stderr.read() == ""


@pytest.mark.usefixtures("remembering")
def test_what_the_terminal_cannot_show_is_a_question_mark(configured: Shell) -> None:
    args = ("query", "SELECT 'é ソ' AS a", "--format", "json")
    with configured.process(*args, PYTHONIOENCODING="ascii") as process:
        out, err = process.communicate(timeout=30)
    assert (json.loads(out), err, process.returncode) == ([{"a": "? ?"}], "", 0)


FULL, CLOSED, BOTH_CLOSED = "/dev/full", "&-", "&- <&-"


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize(
    "args", ["--version", "healthcheck", "check --offline", "query 'SELECT 1'"]
)
@pytest.mark.parametrize(
    ("where", "why"),
    [
        (FULL, "No space left on device"),
        (CLOSED, "Bad file descriptor"),
        (BOTH_CLOSED, "Bad file descriptor"),
    ],
)
def test_output_that_cannot_be_written_is_told_in_one_line(
    configured: Shell, args: str, where: str, why: str
) -> None:
    told = redirected(configured, f"{args} >{where}")
    assert told.stderr == f"harvester: cannot write the output: {why}\n"
    assert told.returncode == (2 if "check " in args else 1)


def redirected(shell: Shell, words: str) -> "subprocess.CompletedProcess[str]":
    line = f"{shlex.quote(sys.executable)} -m harvester {words}"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["/bin/sh", "-c", line],
        check=False,
        cwd=shell.folder,
        env=environ,
        capture_output=True,
        text=True,
    )


def test_main_exits_with_the_code(shell: Shell) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["fech"])
    assert end.value.code == 2


def test_the_shell_can_complete_commands(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_HARVESTER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "harvester stat")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        cli.main([])
    assert "status" in capsys.readouterr().out


# --- init and watch --------------------------------------------------------------------


def test_init_writes_a_configuration_that_only_its_owner_can_read(shell: Shell) -> None:
    told = shell("init")
    path = shell.folder / "config.toml"
    assert told.code == 0
    assert "harvester watch add" in told.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == (ROOT / "config.example.toml").read_text()


def test_init_never_overwrites(shell: Shell) -> None:
    Path("config.toml").write_text("mine")
    told = shell("init")
    assert told.code == 2
    assert "already" in told.err
    assert Path("config.toml").read_text() == "mine"


def test_init_writes_where_it_is_told_to(shell: Shell) -> None:
    assert shell("init", "--config", "new/folder/ra.toml").code == 0
    assert Path("new/folder/ra.toml").is_file()
    Path("file").touch()
    told = shell("--config", "file/ra.toml", "init")
    assert told.code == 2
    assert "cannot be written" in told.err


def test_the_watchlist_is_edited_and_listed(configured: Shell) -> None:
    add = ("watch", "add", "--game", "1", "--game", "668", "--user", "MaxMilyin")
    assert configured(*add, "--developer", "Scott").out == (
        "added game 1\nadded game 668\nadded user MaxMilyin\nadded developer Scott\n"
    )
    assert "already" in configured(*add).err
    told = configured("watch", "remove", "--game", "1", "--game", "7", "--user", "maxmilyin")
    assert (told.code, told.out) == (2, "removed game 1\nremoved user MaxMilyin\n")
    assert told.err == "harvester: not on the watchlist: game 7\n"
    rows = json.loads(configured("watch", "list", "--format", "json").out)
    assert [(row["kind"], row["id"]) for row in rows] == [("game", 668), ("developer", "Scott")]


def test_a_watchlist_moves_through_csv(configured: Shell) -> None:
    configured("watch", "add", "--game", "5", "--developer", "Scott")
    exported = configured("watch", "export").out
    assert exported == "kind,id\ngame,5\ndeveloper,Scott\n"
    Path("list.csv").write_text(exported)
    configured("watch", "remove", "--game", "5")
    assert configured("watch", "import", "list.csv").out == "added game 5\n"


@pytest.mark.parametrize(
    ("content", "words"), [(b"kind,id\nfoo,1\n", "line 2"), (b"kind,id\n\xff", "not UTF-8")]
)
def test_a_list_that_makes_no_sense_is_not_taken(
    configured: Shell, content: bytes, words: str
) -> None:
    Path("list.csv").write_bytes(content)
    told = configured("watch", "import", "list.csv")
    assert told.code == 2
    assert words in told.err


def test_an_empty_watchlist_says_how_to_fill_it(configured: Shell) -> None:
    told = configured("watch", "list")
    assert told.code == 0
    assert "watch add --game" in told.err


def test_without_a_configuration_init_is_proposed(shell: Shell) -> None:
    told = shell("watch", "list")
    assert told.code == 2
    assert "harvester init" in told.err


# --- answers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args", [["status"], ["trend", "players"], ["query", "SELECT 1"], ["db", "check"]]
)
def test_before_the_first_fetch_there_is_nothing_to_ask(configured: Shell, args: list[str]) -> None:
    told = configured(*args)
    assert told.code == 7
    assert "the first `harvester fetch` makes it" in told.err


@pytest.mark.usefixtures("looked_at")
def test_a_trend_is_answered(configured: Shell) -> None:
    args = ("trend", "players", "--game", "1", "--since", "4d", "--format", "json")
    rows = json.loads(configured(*args).out)
    assert [row["players"] for row in rows][::4] == [None, 12]
    assert rows[0]["game"] == "=Sonic\x1b[2J"


@pytest.mark.usefixtures("remembering")
def test_with_a_time_zone_tables_show_its_clock_and_json_that_of_utc(configured: Shell) -> None:
    asked = ("--since", "4d", "--timezone", "Asia/Kolkata", "--format")
    args = ("trend", "players", "--game", "1", *asked)
    for form in ("csv", "tsv", "table"):
        header, *lines = configured(*args, form).out.splitlines()
        assert header.startswith("time (Asia/Kolkata)")
        assert {line[10:19] for line in lines[-4:-1]} == {" 00:00:00"}
    rows = json.loads(configured(*args, "json").out)
    assert {row["time"][10:] for row in rows[:3]} == {"T18:30:00Z"}


@pytest.mark.usefixtures("looked_at")
def test_a_table_shows_the_series_as_bars_and_nothing_else_does(configured: Shell) -> None:
    args = ("trend", "players", "--game", "1", "--since", "4d", "--format")
    header, _, *lines = configured(*args, "table").out.splitlines()
    assert header.split()[-1] == "spark"
    assert [line.split()[-1] for line in lines] == ["no", "▁", "▁", "█", "█"]
    for form in ("json", "ndjson", "csv", "tsv"):
        assert "spark" not in configured(*args, form).out


@pytest.mark.usefixtures("looked_at")
def test_ranges_and_changes_stand_beside_the_values(configured: Shell) -> None:
    asked = ("--since", "4d", "--range", "--delta", "--format", "json")
    rows = json.loads(configured("trend", "players", "--game", "1", *asked).out)
    names = ("players", "players_min", "players_max", "players_change")
    assert [rows[3][name] for name in names] == [12, 10, 12, 2]


@pytest.mark.usefixtures("looked_at")
def test_notes_in_the_range_are_told_beside_the_rows(
    configured: Shell, remembering: Engine
) -> None:
    with remembering.begin() as conn:
        notes.add(conn, at=NOW - timedelta(days=2), title="Set \x1b[2Jrevised", scope="game:1")
        notes.add(conn, at=NOW - timedelta(days=9), title="Before the range")
    told = configured("trend", "players", "--game", "1", "--since", "4d", "--format", "json")
    assert told.err == f"since {NOW - timedelta(days=2):%Y-%m-%d}: Set [2Jrevised\n"
    assert len(json.loads(told.out)) == 5


@pytest.mark.usefixtures("remembering")
def test_distributions_at_two_times_are_told_side_by_side(configured: Shell) -> None:
    asked = ("--game", "1", "--at", "3d", "--vs", "1d", "--format", "csv")
    header, *lines = configured("trend", "distribution", *asked).out.splitlines()
    assert header == "game_id,game,is_hardcore,measure,unlocked,at,vs,difference"
    assert lines[0] == "1,'=Sonic[2J,true,holders,,,,"


@pytest.mark.usefixtures("remembering")
def test_hostile_titles_are_harmless_in_every_format(configured: Shell) -> None:
    trend = ("trend", "players", "--game", "1")
    for form in ("table", "json", "ndjson", "csv", "tsv"):
        assert "\x1b" not in configured(*trend, "--format", form).out
    assert "'=Sonic[2J" in configured(*trend, "--format", "csv").out


@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["playrs", "--game", "1"], "did you mean players?"),
        (["players"], "needs --game"),
        (["players", "--game", "9"], "game 9 is not in the database"),
        (["players", "--game", "1", "--since", "foo"], "--since foo: must be a date"),
        (["players", "--game", "1", "--until", "foo"], "--until foo: must be a date"),
        (["players", "--game", "1", "--every", "5x"], "--every 5x: must be a number"),
        (["players", "--game", "1", "--since", "now"], "nothing lies between"),
        (["players", "--game", "1", "--timezone", "Europe/Berlim"], "did you mean 'Europe/Berlin'"),
        (["players", "--game", "1", "--timezone", "../etc/passwd"], "no time zone '../etc/passwd'"),
        (["unlock-rate", "--game", "1", "--delta"], "takes no --delta; these do: game-tickets"),
        (["players", "--game", "1", "--at", "2d"], "--at, and --vs beside it, go with: trend dist"),
        (["distribution", "--game", "1", "--vs", "2d"], "--at, and --vs beside it, go with"),
        (["distribution", "--game", "1", "--at", "x"], "--at x: must be a date"),
        (["distribution", "--game", "1", "--at", "2090-01-01"], "--at 2090-01-01 lies in the futu"),
        (["distribution", "--game", "1", "--at", "2d", "--range"], "--range and --delta do not go"),
        (["players", "--game", "1", "--since", "2090-01-01"], "--since 2090-01-01 lies in the fut"),
    ],
)
def test_a_trend_says_what_it_needs(configured: Shell, args: list[str], words: str) -> None:
    told = configured("trend", *args)
    assert told.code == 2
    assert words in told.err
    assert not told.out


def test_the_trends_are_listed_without_any_configuration(shell: Shell) -> None:
    told = shell("trend", "--list", "--format", "csv")
    assert told.code == 0
    assert "needs --user, takes --game" in told.out.replace('"', "")
    assert "mastery,needs --game," in told.out


def test_a_trend_of_nothing_says_so(configured: Shell, remembering: Engine) -> None:
    with remembering.begin() as conn:
        conn.execute(schema.users.insert().values(id=1, name="Max", first_seen_at=NOW))
        conn.execute(schema.user_names.insert().values(user_id=1, name="Max", valid_from=NOW))
    told = configured("trend", "progress", "--user", "Max", "--format", "json")
    assert (told.code, told.out) == (0, "[]\n")
    assert "nothing is known" in told.err


def test_a_rate_that_is_not_known_is_empty_and_says_why(
    configured: Shell, remembering: Engine
) -> None:
    with remembering.begin() as conn:
        version = {"achievement_id": 11, "title": "Deed"}
        deed = Batch(schema.achievement_versions, {"game_id": 1}, [version])
        history.record(conn, deed, at=NOW, fetch_id=1)
    args = ("trend", "unlock-rate", "--game", "1", "--every", "5mo")
    told = configured(*args, "--since", "1h", "--format", "csv")
    header, *lines = told.out.splitlines()
    values = "achievement_id,achievement,unlocks,unlocks_hardcore,counted,is_observed,basis"
    assert header.endswith(values)
    assert lines
    assert all(line.endswith(",11,Deed,,,,false,") for line in lines)
    assert told.err == (
        "achievements whose unlocks are not all known: "
        "1 of 1 not read (unlocks are off, or the game is not watched)\n"
    )


@pytest.mark.usefixtures("remembering")
def test_a_query_is_answered_with_each_column_once(configured: Shell) -> None:
    told = configured("query", "SELECT 1 AS a, 2 AS a, NULL AS b", "--format", "csv")
    assert told.out == "a,a_2,b\n1,2,\n"


@pytest.mark.usefixtures("remembering")
def test_a_query_can_come_from_standard_input(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 7 AS n"))
    assert configured("query", "-", "--format", "ndjson").out == '{"n": 7}\n'


@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize("sql", ["DELETE FROM games", "SELECT 1; DROP TABLE games", "SELECT x"])
def test_a_refused_query_is_one_line_and_exit_2(configured: Shell, sql: str) -> None:
    told = configured("query", sql)
    assert told.code == 2
    assert told.err.count("\n") == 1
    assert configured("query", "SELECT count(*) AS n FROM games", "--format", "tsv").out == "n\n1\n"


@pytest.mark.usefixtures("remembering")
def test_a_query_that_takes_too_long_is_stopped(configured: Shell) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n"
    told = configured("query", endless, "--timeout", "1")
    assert told.code == 2
    assert "--timeout" in told.err


@pytest.mark.usefixtures("remembering")
def test_options_come_from_the_environment(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARVESTER_FORMAT", "ndjson")
    assert configured("query", "SELECT 1 AS a").out == '{"a": 1}\n'
    monkeypatch.setenv("HARVESTER_CONFIG", "other.toml")
    assert "other.toml does not exist" in configured("watch", "list").err


@pytest.mark.usefixtures("remembering")
def test_the_format_of_what_is_printed_is_not_that_of_exported_files(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARVESTER_FORMAT", "json")  # which exports do not know
    assert configured("export", "out", "--tables", "games").code == 0
    monkeypatch.setenv("HARVESTER_EXPORT_FORMAT", "ndjson")
    assert configured("export", "other", "--tables", "games").code == 0

    assert Path("out/games.csv").exists()
    assert Path("other/games.ndjson").exists()


@pytest.mark.usefixtures("remembering")
def test_no_configuration_is_needed_where_the_environment_names_the_database(
    configured: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("config.toml").unlink()
    monkeypatch.setenv("HARVESTER_DATABASE_URL", "sqlite:///harvester.db")
    assert configured("query", "SELECT 1 AS a", "--format", "tsv").out == "a\n1\n"


def test_status_shows_every_poll(configured: Shell, remembering: Engine) -> None:
    assert "nothing was planned yet" in configured("status").err
    wanted = Wanted("game-tickets", "game 1", "3600s", 3600, game_id=1)
    with remembering.begin() as conn:
        polls.plan(conn, [wanted], at=NOW - timedelta(days=1))
    (row,) = json.loads(configured("status", "--format", "json").out)
    assert (row["job"], row["target"], row["coverage"]) == ("game-tickets", "game 1", 0)
    assert set(row) == {
        "job", "target", "last_ok_at", "last_error", "failures", "due_at", "coverage",
    }  # fmt: skip


# --- database --------------------------------------------------------------------------


def test_a_database_is_made_and_upgraded(configured: Shell) -> None:
    assert configured("db", "upgrade").out == f"made the tables of schema {migrate.head()}\n"
    assert "nothing to do" in configured("db", "upgrade").out


def test_an_older_database_is_upgraded_after_a_backup(
    configured: Shell, remembering: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = Path("old.bak")
    monkeypatch.setattr(migrate, "upgrade", lambda *_, **__: backup)
    monkeypatch.setattr(migrate, "current", lambda _: "0000")
    told = configured("db", "upgrade")
    assert told.out == f"backup in old.bak\nupgraded from 0000 to {migrate.head()}\n"


def test_a_foreign_database_is_left_alone(configured: Shell) -> None:
    with sqlite3.connect("harvester.db") as conn:
        conn.execute("CREATE TABLE theirs(x)")
    conn.close()
    for args in (["db", "upgrade"], ["status"], ["db", "info"]):
        told = configured(*args)
        assert told.code == 7
        assert "not ours" in told.err


@pytest.mark.usefixtures("remembering")
def test_the_database_is_described(configured: Shell) -> None:
    told = configured("db", "info", "--format", "csv")
    assert f"url,sqlite:///{configured.folder}/harvester.db\n" in told.out
    assert "rows in games,1\n" in told.out
    assert "nothing was asked yet" in told.err


def test_a_sound_database_passes_the_check(configured: Shell, remembering: Engine) -> None:
    told = configured("db", "check", "--format", "csv")
    assert told.code == 0
    assert told.out.splitlines()[1:] == [
        "file,ok,",
        "references,ok,",
        "intervals,ok,",
        "entities,ok,",
        "evidence,ok,",
    ]


def test_a_database_that_contradicts_itself_does_not(
    configured: Shell, remembering: Engine
) -> None:
    with remembering.begin() as conn:
        rows = [{"id": n, "title": "x", "first_seen_at": NOW} for n in range(100, 130)]
        conn.execute(schema.games.insert(), rows)
    told = configured("db", "check", "--format", "csv")
    assert told.code == 7
    assert told.out.count("entities,problem") == 21
    assert "and 10 more" in told.out
    assert "restore a backup" in told.err


# --- healthcheck and demo --------------------------------------------------------------


def test_health_is_told_in_one_line(configured: Shell, remembering: Engine) -> None:
    told = configured("healthcheck")
    assert (told.code, told.out) == (1, "not healthy: nothing ever ran on this database\n")
    with remembering.begin() as conn:
        runs.start(conn, "run", at=clock.now())
    told = configured("healthcheck", "--within", "1m")
    assert told.code == 0
    assert told.out.startswith("healthy: process ")


def test_without_a_database_the_daemon_is_not_healthy(configured: Shell) -> None:
    told = configured("healthcheck")
    assert told.code == 1
    assert told.out.startswith("not healthy: there is no ")


def test_the_demo_shows_what_it_collected_and_what_to_try(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DAYS", 2)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    told = shell("demo")
    assert told.code == 0
    assert told.out.startswith("SIMULATED")
    assert "simulated day 1 of 2" in told.err
    monkeypatch.setenv("HARVESTER_DATABASE_URL", f"sqlite:///{shell.folder}/demo.db")
    assert told.out.count(" query '") == 3
    for line in told.out.splitlines():
        if " query '" in line:
            assert shell("query", shlex.split(line)[-1]).code == 0
        for command in ("trend", "report"):
            if f" {command} " in line and " --until " in line:
                words = shlex.split(line)
                assert shell(*words[words.index(command) :]).code == 0
        if line.endswith("--plot tickets.svg"):
            words = shlex.split(line)
            rows = shell(*words[words.index("trend") : -2], "--format", "json").out
            assert json.loads(rows)[-1]["is_observed"]  # to its very end
    assert {path.name for path in shell.folder.iterdir()} >= {"tickets.svg", "report.html"}


@pytest.mark.parametrize(
    ("found", "called", "shown"),
    [
        ("/bin/harvester", "x", "harvester query"),
        (None, "/x/__main__.py", "python -m harvester query"),
        (None, ".venv/bin/harvester", ".venv/bin/harvester query"),
    ],
)
def test_the_demo_proposes_commands_that_work(
    monkeypatch: pytest.MonkeyPatch, found: str | None, called: str, shown: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: found)
    monkeypatch.setattr("sys.argv", [called])
    begun, ended = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 29, tzinfo=UTC)
    done = demo.Demo(Path("demo.db"), begun, ended, 1, 0, Counter(), {}, [], [], [], [])
    assert any(line.startswith(shown) for line in next_steps(done))
