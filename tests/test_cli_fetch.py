"""`check`, `fetch` and `run` against a RetroAchievements on loopback."""

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from commands import Outcome, Shell
from worlds import Bench

from harvester import checkup, clock, harvest
from harvester.admission import Waiting
from harvester.errors import DatabaseUnfit
from harvester.sandbox.world import World
from harvester.store import audit, migrate, polls

WATCH = '[watch]\ngames = [1]\nusers = ["Ann"]\ndevelopers = ["Maker"]'


@pytest.fixture
def world(world: World) -> World:
    """Yield a world with a set of three, two players and a ticket."""
    maker, ann, bob = (world.add_user(name) for name in ("Maker", "Ann", "Bob"))
    world.add_game(1, "Sonic", 1)
    for number in (1, 2, 3):
        world.add_achievement(1, f"Deed {number}", 5, author=maker)
        world.unlock(ann, number)
        world.unlock(bob, number)
    world.open_ticket(1, ann, type=2, notes="fails", is_hardcore=True)
    return world


@pytest.fixture
def bench(shell: Shell, bench_of: Callable[..., Bench]) -> Bench:
    """Configure a harvest of the world in the shell's folder."""
    return bench_of(WATCH, database="sqlite:///harvester.db")


def rows(told: Outcome) -> dict[str, dict[str, int]]:
    return {row.pop("job"): row for row in json.loads(told.out)}


# --- fetch -----------------------------------------------------------------------------


@pytest.mark.usefixtures("bench")
def test_a_fetch_asks_everything_once_and_sums_it_up(shell: Shell) -> None:
    told = shell("fetch", "--format", "json")
    assert (told.code, told.err) == (0, "")
    assert {job: row["polls"] for job, row in rows(told).items()} == {
        "game-tickets": 1,
        "distribution": 1,
        "progress": 1,
        "developer-tickets": 1,
        "unlocks": 3,
    }
    again = shell("fetch")
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("nothing is due before ")
    assert shell("fetch", "--format", "json").out == "[]\n"


def test_all_asks_what_is_not_due_and_force_what_is_proven_unchanged(
    shell: Shell, bench: Bench
) -> None:
    shell("fetch")
    assert "unlocks" not in rows(shell("fetch", "--all", "--format", "json"))
    assert rows(shell("fetch", "--force", "--format", "json"))["unlocks"]["polls"] == 3


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("args", "jobs"),
    [
        (["progress", "game-tickets"], {"progress", "game-tickets"}),
        (["--user", "ann"], {"progress"}),
        (["--user", "Maker"], {"developer-tickets"}),
        (["--game", "1", "distribution"], {"distribution"}),
    ],
)
def test_a_fetch_can_be_narrowed(shell: Shell, args: list[str], jobs: set[str]) -> None:
    assert set(rows(shell("fetch", *args, "--format", "json"))) == jobs


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--game", "7"], "harvester watch add --game 7"),
        (["--user", "An"], "did you mean Ann?"),
        (["--user", "Somebody"], "harvester watch add --user"),
        (["unlocks"], "harvester fetch progress unlocks"),
        (["--game", "1", "--user", "Maker"], "try fewer options"),
        (["developer-tickets", "--game", "1"], "nothing that is watched fits developer-tickets"),
    ],
)
def test_what_is_not_watched_is_not_asked(
    shell: Shell, world: World, args: list[str], words: str
) -> None:
    told = shell("fetch", *args)
    assert (told.code, told.out) == (2, "")
    assert words in told.err
    assert not world.asked


def test_an_empty_watchlist_says_how_to_fill_it(shell: Shell, bench: Bench) -> None:
    bench.configure("", database="sqlite:///harvester.db")
    told = shell("fetch")
    assert told.code == 2
    assert "harvester watch add --game ID" in told.err


def test_without_a_key_nothing_is_asked(
    shell: Shell, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.path.write_text(bench.path.read_text().replace("sandbox-key", ""))
    told = shell("fetch")
    assert told.code == 2
    assert "HARVESTER_API_KEY" in told.err


@pytest.mark.usefixtures("bench")
def test_one_failing_poll_does_not_stop_the_others(shell: Shell, world: World) -> None:
    world.fail("500", only="API_GetAchievementDistribution")
    told = shell("fetch", "--format", "json")
    assert told.code == 3
    assert rows(told)["distribution"]["failed"] == 1
    assert rows(told)["unlocks"]["changed"] == 3
    (row,) = (
        row
        for row in json.loads(shell("status", "--format", "json").out)
        if row["job"] == "distribution"
    )
    assert row["failures"] == 1
    assert "HTTP 500" in row["last_error"]


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("times", "before", "after"),
    [
        (1, "1 poll failed: game-tickets game 1: ", "; `harvester status` shows it\n"),
        (2, "2 polls failed; first: game-tickets game 1: ", "; `harvester status` shows all\n"),
    ],
)
def test_a_fetch_says_what_failed_first_and_why(
    shell: Shell, world: World, times: int, before: str, after: str
) -> None:
    world.fail("500", times=times)
    told = shell("fetch", "developer-tickets", "game-tickets", "distribution")
    assert told.code == 3
    assert told.err.startswith(before)
    assert "HTTP 500" in told.err
    assert told.err.endswith(after)


@pytest.mark.usefixtures("bench")
def test_a_refused_key_ends_the_round_after_its_summary(shell: Shell, world: World) -> None:
    world.fail("401", times=100, after=1)
    told = shell("fetch", "--format", "json")
    assert told.code == 4
    assert sum(row["failed"] for row in rows(told).values()) == 1
    assert sum(row["requests"] for row in rows(told).values()) == len(world.asked)
    assert told.err.count("\n") == 1
    assert "sandbox-key" not in told.err


@pytest.mark.usefixtures("bench")
def test_an_api_that_is_down_ends_the_round_after_its_summary(shell: Shell, world: World) -> None:
    world.fail("502-html", times=100)
    told = shell("fetch", "--format", "json")
    assert told.code == 5
    assert sum(row["failed"] for row in rows(told).values()) == 3
    assert "three times in a row" in told.err


def test_a_spent_budget_is_no_failure(shell: Shell, bench: Bench) -> None:
    bench.configure(WATCH, database="sqlite:///harvester.db", api="daily_budget = 3")
    told = shell("fetch", "--format", "json")
    assert told.code == 0
    assert told.out != "[]\n"
    assert told.err.startswith("harvester: the daily budget of 3 requests is spent")


@pytest.mark.usefixtures("bench")
def test_what_waits_for_budget_is_told_in_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waiting(polls.BACKFILL, 3, "", clock.now())
    monkeypatch.setattr(harvest, "waiting", lambda *_: [waits])
    for _ in range(2):
        told = shell("fetch")
        assert told.code == 0
        assert told.err.startswith("harvester: backfill waits for the next UTC day; ")
        assert told.err.count("\n") == 1


def remember(shell: Shell, **run: object) -> None:
    """Let the run before have left something."""
    with closing(sqlite3.connect("harvester.db")) as conn:
        for name, value in run.items():
            conn.execute(f"UPDATE runs SET {name} = ?", [value])
        conn.execute("UPDATE polls SET due_at = '2020-01-01 00:00:00'")
        conn.commit()


LATER = f"{clock.now() + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"


@pytest.mark.usefixtures("bench")
def test_a_round_that_must_wait_does_not_say_that_nothing_is_due(shell: Shell) -> None:
    shell("fetch")
    remember(shell, not_before_at=LATER)
    told = shell("fetch")
    assert (told.code, told.out) == (5, "")
    assert told.err == f"harvester: RA asked us to wait until {LATER} UTC; the rest stays due\n"


def test_a_round_without_budget_does_not_say_that_nothing_is_due(
    shell: Shell, bench: Bench
) -> None:
    shell("fetch")
    remember(shell)
    bench.configure(WATCH, database="sqlite:///harvester.db", api="daily_budget = 1")
    told = shell("fetch")
    assert (told.code, told.out) == (0, "")
    assert told.err.startswith("harvester: the daily budget of 1 requests is spent")
    assert told.err.count("\n") == 1


@pytest.mark.usefixtures("bench")
def test_a_fetch_stopped_before_its_first_answer_says_how_it_goes_on(
    shell: Shell, world: World
) -> None:
    world.fail("hang", seconds=20)
    with started(shell, world, "fetch") as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err == "stopped; the next fetch goes on where this one ended\n"


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("verbosity", ["-v", "-vv"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_key_is_in_no_log_line(shell: Shell, verbosity: str, form: str) -> None:
    told = shell("fetch", verbosity, "--log-format", form)
    assert "unlocks achievement 3: changed" in told.err
    assert "sandbox-key" not in told.err
    assert "sandbox-key" not in told.out


@pytest.mark.usefixtures("bench")
def test_two_harvesters_do_not_share_a_database(shell: Shell, world: World) -> None:
    world.fail("hang", seconds=20)
    with started(shell, world, "fetch") as first:
        told = shell("fetch")
        assert told.code == 6
        assert "`harvester fetch`" in told.err
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=10) == 130


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_fetch_in_good_order_even_while_a_request_hangs(
    shell: Shell, world: World, number: signal.Signals
) -> None:
    world.fail("hang", seconds=20, after=3)
    with started(shell, world, "fetch", "--format", "json", asked=4) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert process.returncode == 130
    assert sum(row["polls"] for row in json.loads(out)) == 2
    told, backfill = err.splitlines()
    assert told == "stopped; the next fetch goes on where this one ended"
    assert backfill.startswith("backfill: 0 of 3 achievements, 0 of 6 rows; 3 requests left")
    assert shell("db", "check").code == 0
    assert shell("fetch").code == 0


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_signal_ends_a_fetch_in_good_order_while_several_requests_hang(
    shell: Shell, bench: Bench, world: World
) -> None:
    bench.configure(WATCH, database="sqlite:///harvester.db", api="in_flight = 4")
    world.fail("hang", seconds=20, times=9)
    with started(shell, world, "fetch", asked=3) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err == "stopped; the next fetch goes on where this one ended\n"
    world.faults.clear()
    assert shell("db", "check").code == 0
    assert shell("fetch").code == 0


def test_a_refused_key_is_counted_once_though_several_requests_were_under_way(
    shell: Shell, bench: Bench, world: World
) -> None:
    bench.configure(WATCH, database="sqlite:///harvester.db", api="in_flight = 4")
    world.fail("401", only="API_GetAchievementDistribution")
    told = shell("fetch", "--format", "json")
    assert told.code == 4
    failed = {row["job"]: row["failed"] for row in json.loads(told.out) if row["failed"]}
    assert failed == {"distribution": 1}


class started:  # noqa: N801 - used like a function
    """Start a command, and wait until it has asked so often."""

    def __init__(self, shell: Shell, world: World, *args: str, asked: int = 1) -> None:
        self._process, self._world, self._asked = shell.process(*args), world, asked

    def __enter__(self) -> "subprocess.Popen[str]":
        process = self._process.__enter__()
        end = time.monotonic() + 20
        while len(self._world.asked) < self._asked and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        return process

    def __exit__(self, *trouble: object) -> None:
        self._process.__exit__(None, None, None)


@pytest.mark.usefixtures("bench")
def test_the_daemon_harvests_and_ends_well_when_asked_to(shell: Shell, world: World) -> None:
    with started(shell, world, "run", asked=8) as process:
        healthy = shell("healthcheck")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 0
    assert healthy.code == 0
    assert "stopped in good order" in err
    assert shell("healthcheck").code == 1


def test_a_daemon_without_a_configuration_does_not_start(shell: Shell) -> None:
    assert shell("run").code == 2


# --- check -----------------------------------------------------------------------------


def checked(told: Outcome) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in json.loads(told.out):
        found.setdefault(row["check"], []).append(f"{row['result']}: {row['detail']}")
    return found


@pytest.mark.usefixtures("bench")
def test_a_good_set_up_passes_with_one_request_and_writes_nothing(
    shell: Shell, world: World
) -> None:
    told = shell("check", "--format", "json")
    found = checked(told)
    assert told.code == 0
    assert len(world.asked) == 1
    assert found["watchlist"] == ["ok: games: 1, players: 1, developers: 1"]
    assert found["key"][0].startswith("ok: accepted by http://127.0.0.1")
    assert "not there yet" in found["database"][0]
    assert found["schedule"][-1] == "ok: unlocks: when counters moved, and every 1w"
    assert [path.name for path in Path().iterdir()] == ["config.toml"]


@pytest.mark.usefixtures("bench")
def test_offline_nothing_is_asked(shell: Shell, world: World) -> None:
    found = checked(shell("check", "--offline", "--format", "json"))
    assert "not tried" in found["key"][0]
    assert not world.asked


@pytest.mark.usefixtures("bench")
def test_a_check_does_not_ask_before_ra_wants_to_be_asked(shell: Shell, world: World) -> None:
    shell("fetch")
    remember(shell, not_before_at=LATER)
    asked = len(world.asked)
    told = shell("check", "--format", "json")
    name = world.username
    assert checked(told)["key"] == [
        f"warning: set for {name}; not tried: waiting until {LATER} UTC, as RA asked"
    ]
    assert (told.code, len(world.asked)) == (0, asked)


def test_a_check_does_not_go_beyond_the_budget(shell: Shell, bench: Bench, world: World) -> None:
    shell("fetch")
    asked = len(world.asked)
    bench.configure(WATCH, database="sqlite:///harvester.db", api=f"daily_budget = {asked}")
    told = shell("check", "--format", "json")
    assert f"the daily budget of {asked} requests is spent" in checked(told)["key"][0]
    assert (told.code, len(world.asked)) == (0, asked)


def test_a_wait_that_is_over_keeps_no_check_from_asking(shell: Shell, bench: Bench) -> None:
    shell("fetch")
    remember(shell, not_before_at="2020-01-01 00:00:00")
    bench.configure(WATCH, database="sqlite:///harvester.db", api="daily_budget = 0")
    assert checked(shell("check", "--format", "json"))["key"][0].startswith("ok: accepted")


def test_a_check_needs_no_file_where_the_environment_says_everything(
    shell: Shell, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.path.unlink()
    monkeypatch.setenv("HARVESTER_DATABASE_URL", "sqlite:///harvester.db")
    monkeypatch.setenv("HARVESTER_API_USERNAME", bench.world.username)
    monkeypatch.setenv("HARVESTER_API_KEY", bench.world.key)
    told = shell("check", "--offline", "--format", "json")
    assert told.code == 0
    assert checked(told)["config"][0].startswith("ok: no config.toml")


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("401", 4, "does not accept the API key"),
        ("403-json", 4, "forbids"),
        ("502-html", 5, "HTTP 502"),
        ("429", 5, "try again in"),
        ("wrong-shape", 5, "API_GetTicketData"),
    ],
)
def test_trouble_with_the_key_or_the_api_has_its_code(
    shell: Shell, world: World, fault: str, code: int, words: str
) -> None:
    world.fail(fault, times=9)  # type: ignore[arg-type]  # any kind
    told = shell("check", "--format", "json")
    assert told.code == code
    assert words in checked(told)["key"][0]


def test_an_unknown_user_name_is_noticed(shell: Shell, bench: Bench, world: World) -> None:
    bench.path.write_text(bench.path.read_text().replace(world.username, "Nobody"))
    told = shell("check", "--format", "json")
    assert told.code == 2
    assert "knows no Nobody" in checked(told)["key"][0]


def test_a_fresh_configuration_is_told_what_it_lacks(shell: Shell) -> None:
    shell("init")
    told = shell("check", "--format", "json")
    found = checked(told)
    assert told.code == 2
    assert "harvester watch add" in found["watchlist"][0]
    assert "api.username is not set" in found["key"][0]


def test_a_configuration_that_makes_no_sense_is_all_that_is_told(shell: Shell) -> None:
    Path("config.toml").write_text("[api]\nkye = 1")
    told = shell("check", "--format", "json")
    assert told.code == 2
    (line,) = checked(told)["config"]
    assert 'did you mean "key"?' in line


def test_warnings_are_no_problems(shell: Shell, bench: Bench) -> None:
    bench.path.chmod(0o644)
    told = shell("check", "--format", "json")
    assert told.code == 0
    assert checked(told)["config"][1].startswith("warning: the key in ")


JOBS = """
[schedule]
timezone = "Europe/Berlin"
[jobs.progress]
every = "30 4 * * *"
[jobs.unlocks]
mode = "off"
"""


def test_schedules_are_told_in_words_with_their_next_time(shell: Shell, bench: Bench) -> None:
    bench.configure(WATCH, jobs=JOBS, database="sqlite:///harvester.db")
    before = checked(shell("check", "--offline", "--format", "json"))["schedule"]
    assert before[0] == "ok: game-tickets: every 1h"
    assert before[3].startswith("ok: progress: at 30 4 * * * (cron, Europe/Berlin); next ")
    assert before[4] == "ok: unlocks: off, unless a game says otherwise"
    shell("fetch")
    after = checked(shell("check", "--offline", "--format", "json"))
    assert after["schedule"][0].startswith("ok: game-tickets: every 1h; next 20")
    assert after["database"] == [f"ok: sqlite:///{shell.folder}/harvester.db, current schema"]


def test_what_is_overdue_is_next_now(shell: Shell, bench: Bench) -> None:
    shell("fetch")
    with closing(sqlite3.connect("harvester.db")) as conn:
        conn.execute("UPDATE polls SET due_at = '2020-01-01 00:00:00'")
        conn.commit()
    found = checked(shell("check", "--offline", "--format", "json"))
    assert found["schedule"][0] == "ok: game-tickets: every 1h; next now"


@pytest.fixture
def offline(shell: Shell, bench: Bench) -> Callable[[], tuple[int, str]]:
    """Return a function that tells exit code and first line about the database."""

    def look() -> tuple[int, str]:
        told = shell("check", "--offline", "--format", "json")
        return told.code, checked(told)["database"][0]

    return look


Look = Callable[[], tuple[int, str]]


def test_a_missing_folder_is_noticed(offline: Look, bench: Bench) -> None:
    bench.configure(WATCH, database="sqlite:///nowhere/harvester.db")
    code, line = offline()
    assert code == 7
    assert "there is no folder" in line


def test_a_file_that_cannot_be_written_is_noticed(
    offline: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    code, line = offline()
    assert code == 7
    assert "check who owns it" in line


def test_a_file_that_is_no_database_is_noticed(offline: Look) -> None:
    Path("harvester.db").write_text("no database at all, but text that is long enough" * 100)
    code, line = offline()
    assert code == 7
    assert "not a database" in line


def test_an_empty_file_becomes_a_database(offline: Look) -> None:
    Path("harvester.db").touch()
    code, line = offline()
    assert code == 0
    assert "is empty" in line


@pytest.mark.parametrize(
    ("state", "upgrade", "code", "words"),
    [
        ("older", "true", 0, "run and fetch upgrade it"),
        ("older", "false", 7, "harvester db upgrade"),
        ("newer", "true", 7, "upgrade the program"),
    ],
)
def test_another_schema_is_noticed(
    offline: Look,
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    upgrade: str,
    code: int,
    words: str,
) -> None:
    bench.path.write_text(
        bench.path.read_text().replace("[watch]", f"auto_upgrade = {upgrade}\n[watch]")
    )
    Path("harvester.db").touch()
    monkeypatch.setattr(migrate, "state", lambda _: state)
    found_code, line = offline()
    assert found_code == code
    assert words in line


def test_a_server_of_postgresql_is_looked_at(
    shell: Shell, bench: Bench, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.configure(WATCH, database=postgres_url)
    told = shell("check", "--offline", "--format", "json")
    assert told.code == 0
    assert "current schema" in checked(told)["database"][0]
    monkeypatch.setattr(audit, "is_replica", lambda _: True)
    told = shell("check", "--offline", "--format", "json")
    assert told.code == 7
    assert "read-only replica" in checked(told)["database"][1]


def test_a_finding_of_trouble_has_its_exit_code() -> None:
    found = checkup.problem("database", DatabaseUnfit("full"))
    assert found == checkup.Finding("database", "problem", "full", 7)
