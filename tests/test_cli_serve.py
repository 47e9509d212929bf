"""`harvester serve` as a process: how it begins, what it refuses, how it ends."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from commands import ROOT, Shell
from dashboards import Dashboard

from harvester.web.server import GRACE_SECONDS

TOKEN = "a-token-of-decent-length"
KEY = "the-key-of-somebody"


def ask(place: str, **headers: str) -> httpx.Response:
    """Ask, with patience: other tests are running, and the server has only begun."""
    return httpx.get(place, headers=headers, timeout=60)


@contextmanager
def served(
    shell: Shell, *options: str, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start it on a free port; yield it and its address."""
    with shell.process("serve", "--port", "0", *options, **environ) as process:
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        yield process, found[0]


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_answers_and_ends_well(
    shell: Shell, dashboard: Dashboard, number: signal.Signals
) -> None:
    with served(shell, HARVESTER_DATABASE_URL=dashboard.url) as (process, base):
        answer = ask(f"{base}games/1")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_query_that_is_being_worked_on_does_not_hold_up_the_end(
    shell: Shell, dashboard: Dashboard, number: signal.Signals
) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n"
    with (
        served(shell, "--sql", HARVESTER_DATABASE_URL=dashboard.url) as (process, base),
        socket.create_connection(("127.0.0.1", httpx.URL(base).port)) as asking,
    ):
        query = httpx.QueryParams(q=endless)
        asking.sendall(f"GET /sql?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        ask(f"{base}coverage")  # both are under way
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=15)
        taken = time.monotonic() - began
        asking.settimeout(5)
        answer = asking.makefile().read()

    assert (process.returncode, out, err) == (0, "", "")
    assert taken < GRACE_SECONDS
    assert answer.startswith("HTTP/1.1 503")
    assert "the dashboard is being stopped" in answer


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_the_key_is_nowhere_in_it(shell: Shell, dashboard: Dashboard) -> None:
    config = shell.folder / "config.toml"
    config.write_text(
        f'[api]\nusername = "Me"\nkey = "{KEY}"\n[database]\nurl = "{dashboard.url}"\n'
    )

    with served(shell, "--sql") as (_process, base):
        places = ("", "coverage", "games/1", "sql?q=SELECT+*+FROM+polls", "api/openapi.json")
        pages = [ask(f"{base}{place}").text for place in places]

    assert all(len(page) > 500 for page in pages)
    assert not [page for page in pages if KEY in page]


def test_a_port_that_is_taken_is_told_in_a_line(
    shell: Shell, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARVESTER_DATABASE_URL", dashboard.url)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        outcome = shell("serve", "--port", port)

    told = f"harvester: cannot listen on 127.0.0.1 port {port}: another program has it"
    assert outcome.code == 2
    assert outcome.err.startswith(told)
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "can be reached by others: set a token"),  # noqa: S104 - is refused
        (["--host", "192.0.2.1"], "can be reached by others"),
        (["--token", "short"], "the token is too short"),
        (["--token-file", "nowhere"], "--token-file nowhere cannot be read"),
        (["--token-file", "empty"], "--token-file empty is empty"),
        (["--host", "192.0.2.1", "--no-auth"], "cannot listen on 192.0.2.1"),
    ],
)
def test_what_would_let_strangers_in_or_cannot_be_is_refused(
    shell: Shell,
    dashboard: Dashboard,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("HARVESTER_DATABASE_URL", dashboard.url)
    (shell.folder / "empty").write_text("\n")

    outcome = shell("serve", "--port", "0", *options)

    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_the_token_comes_from_the_environment_or_a_file_and_is_told_nowhere(
    shell: Shell, dashboard: Dashboard
) -> None:
    (shell.folder / "token").write_text(f"{TOKEN}\n")
    ways: Sequence[tuple[Sequence[str], dict[str, str]]]
    ways = (((), {"HARVESTER_TOKEN": TOKEN}), (("--token-file", "token"), {}))
    for options, environ in ways:
        whole = {"HARVESTER_DATABASE_URL": dashboard.url, **environ}
        with served(shell, "-vv", *options, **whole) as (process, base):
            place = f"{base}api/watchlist"
            codes = [
                ask(place).status_code,
                ask(place, authorization=f"Bearer {TOKEN}").status_code,
            ]
            process.terminate()
            _, err = process.communicate(timeout=20)
        assert codes == [401, 200]
        assert TOKEN not in err


def test_a_token_on_the_command_line_is_warned_of(shell: Shell, dashboard: Dashboard) -> None:
    options = ("serve", "--port", "0", "--token", TOKEN)
    with shell.process(*options, HARVESTER_DATABASE_URL=dashboard.url) as process:
        assert process.stderr
        line = process.stderr.readline()
        process.terminate()

    assert "everybody on this machine can read --token" in line
    assert TOKEN not in line


def test_a_database_that_is_not_there_is_told_in_a_line(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///none.db"\n')

    outcome = shell("serve", "--port", "0")

    assert outcome.code == 7
    assert "there is no" in outcome.err


def test_without_the_extra_it_says_what_to_install(dashboard: Dashboard, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules.update(uvicorn=None)\n"
        "from harvester.cli import main; main(['serve'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HARVESTER_DATABASE_URL": dashboard.url},
        capture_output=True,
        text=True,
        check=False,
    )

    told = "harvester: the dashboard needs more: pip install 'ra-harvester[web]'\n"
    assert (done.returncode, done.stderr) == (2, told)
