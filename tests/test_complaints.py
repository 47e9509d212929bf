from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from harvester import config
from harvester.config import Settings
from harvester.errors import ConfigError

HERE = Path("/etc/harvester/config.toml")
KEY = "SecretKey0123456789"


def settings(text: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    return config.parse(text, path=HERE, environ=environ or {})


def complaint(text: str = "", environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(text, environ)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said.removeprefix(f"{HERE}: ")


# --- what is wrong is told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[api]\nbrust = 3", 'unknown key api.brust, did you mean "burst"?'),
        ("[jobs.game_tickets]", 'unknown key jobs.game_tickets, did you mean "game-tickets"?'),
        ("[[watch.game]]\nid = 1\nunlock = 1", 'watch.game[0].unlock, did you mean "unlocks"?'),
        ("frobnicate = 1", "frobnicate, known keys: api, database, schedule, watch, jobs"),
        ('"a\\nb" = 1', 'unknown key "a\\nb", known keys'),
        ("api = 3", "api = 3: must be a table"),
        ("watch = []", "watch: must be a table"),
        ("[api]\nburst = 0", "api.burst = 0: must be a whole number from 1"),
        ('[api]\nburst = "4"', 'api.burst = "4": must be a whole number from 1'),
        ("[api]\nin_flight = 5", "api.in_flight = 5: must be a whole number from 1 to 4"),
        ("[api]\nrequests_per_second = 0", "must be a number greater than 0"),
        ("[api]\nrequests_per_second = inf", "must be a number greater than 0"),
        ("[api]\nrequests_per_second = true", "must be a number greater than 0"),
        ("[api]\ndaily_budget = -1", "must be a whole number from 0 (no limit)"),
        ("[api]\ndaily_budget = 1979-05-27", 'daily_budget = "1979-05-27": must be a whole number'),
        ("[api]\ntimeout = 30", "api.timeout = 30: must be a duration"),
        ('[api]\ntimeout = "\\u2028"', 'api.timeout = "\\u2028": must be a duration'),
        ('[api]\nauth = "header"', 'api.auth = "header": must be "query" or "bearer"'),
        ('[api]\nusername = "a b"', 'api.username = "a b": must be a user name'),
        ('[api]\ncontact = "me\\nX-Evil: 1"', "must be at most 200 printable ASCII characters"),
        ("[database]\nauto_upgrade = 1", "database.auto_upgrade = 1: must be true or false"),
        ('[schedule]\ntimezone = "Europe/Berlni"', 'did you mean "Europe/Berlin"?'),
        ('[schedule]\ntimezone = "Europe"', 'must be a time zone such as "Europe/Berlin"'),
        ('[schedule]\ntimezone = "../../etc"', 'must be a time zone such as "Europe/Berlin"'),
        ('[schedule]\ntimezone = "🕰"', 'must be a time zone such as "Europe/Berlin"'),
        ("[watch]\ngames = 5", "watch.games = 5: must be a list of game ids such as [1, 14402]"),
        ("[watch]\nusers = 5", "watch.users = 5: must be a list of user names"),
        ("[[watch.game]]\nunofficial = true", "watch.game[0].id is missing: must be a game id"),
        ("[watch]\ngame = [5]", "watch.game[0] = 5: must be tables headed [[watch.game]]"),
        (
            '[[watch.game]]\nid = 1\nevery = "1h"',
            'must be a table such as { game-tickets = "15m" }',
        ),
        (
            '[[watch.game]]\nid = 1\nevery = { ticket = "1h" }',
            'watch.game[0].every: "ticket" is no job of a game, did you mean "game-tickets"?',
        ),
        (
            '[[watch.game]]\nid = 1\nevery = { progress = "on-change" }',
            'watch.game[0].every: progress = "on-change" must be a duration',
        ),
        ('[jobs.progress]\nevery = "on-change"', 'jobs.progress.every = "on-change": must be a'),
        ('[jobs.unlocks]\nevery = "sometimes"', '(unlocks may also be "on-change")'),
        ("[jobs.unlocks]\nevery = 3600", "jobs.unlocks.every = 3600: must be a duration"),
        ('[jobs.unlocks]\nmode = "all"', 'must be "full", "recent" or "off"'),
        (
            '[jobs.game-tickets]\nevery = "61 * * * *"',
            'jobs.game-tickets.every = "61 * * * *": is no cron expression: its minute makes no',
        ),
        ('[jobs.game-tickets]\ndetail = "yes"', 'detail = "yes": must be true or false'),
        ('[jobs.distribution]\nat_most = "0d"', 'jobs.distribution.at_most = "0d": must be a'),
    ],
)
def test_a_mistake_is_told_with_its_key_its_value_and_what_is_allowed(text: str, said: str) -> None:
    assert said in complaint(text)


def test_all_mistakes_are_told_in_one_line() -> None:
    said = complaint("[api]\nburst = 0\nin_flight = 9\n[watch]\ngame = 1")

    assert said.count("; ") == 2


def test_a_long_value_is_cut() -> None:
    assert f'api.auth = "{"x" * 79}…: must be' in complaint(f'[api]\nauth = "{"x" * 500}"')


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[api]\nburst =", "(at end of document)"),
        ("[api]\nburst = = 1", "(at line 2, column 9)"),
        (f"a = {'9' * 5000}", "not valid TOML"),
        (f"a = {'[' * 20000}", "not valid TOML"),
    ],
)
def test_a_syntax_error_is_told_with_its_place(text: str, where: str) -> None:
    said = complaint(text)

    assert said.startswith("not valid TOML: ")
    assert where in said


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=30)), st.sampled_from(["api", "jobs"]))
def test_no_table_of_texts_ends_in_anything_but_settings_or_one_line(
    table: dict[str, str], section: str
) -> None:
    text = tomlkit.dumps({section: table})

    with suppress(ConfigError):
        settings(text)
        return
    complaint(text)


# --- secrets


@pytest.mark.parametrize("key", [f'"{KEY} {KEY}"', f'["{KEY}"]', f'{{ a = "{KEY}" }}'])
def test_a_refused_key_is_not_shown(key: str) -> None:
    said = complaint(f"[api]\nkey = {key}")

    assert said.startswith("api.key: must be ")
    assert KEY not in said
    assert KEY not in complaint(environ={"HARVESTER_API_KEY": f"{KEY}\n"})


def test_a_value_under_a_wrong_key_is_not_shown() -> None:
    assert KEY not in complaint(f'[api]\napi_key = "{KEY}"')


def test_an_exception_carries_no_secret_along() -> None:
    with pytest.raises(ConfigError) as caught:
        settings(f'[api]\nkey = "{KEY} "')

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_settings_do_not_show_the_key() -> None:
    found = settings(f'[api]\nkey = "{KEY}"')

    assert found.api.key.get_secret_value() == KEY
    assert KEY not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@corp:secret@host/db", "postgresql://me@corp:***@host/db"),
        ("postgresql://me:se/cr:et@@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me:sec\nret@host", "postgresql://me:***@host"),
        ("postgresql://:secret@host", "postgresql://:***@host"),
        (
            "postgresql://h/db?user=me&password=secret&x=1",
            "postgresql://h/db?user=me&password=***&x=1",
        ),
        ("postgresql:me:secret@host", "***"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:////home/a:b@c/harvester.db", "sqlite:////home/a:b@c/harvester.db"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert config.shown_url(url) == shown


def test_a_refused_url_is_shown_without_its_password() -> None:
    assert complaint('[database]\nurl = "mysql://me:secret@host/db"') == (
        'database.url = "mysql://me:***@host/db": '
        'must be "sqlite:///FILE" or "postgresql://USER@HOST/NAME"'
    )
    assert "secret" not in complaint('[api]\nbase_url = "https://me:secret@host/API/"')
