import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester import config
from harvester.config import Settings
from harvester.errors import ConfigError
from harvester.schedule import Cron, OnChange

HERE = Path("/etc/harvester/config.toml")
ULID = "01HZY3V7N2M4K5P6Q7R8S9T0VW"


def settings(text: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    return config.parse(text, path=HERE, environ=environ or {})


def complaint(text: str = "", environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(text, environ)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said.removeprefix(f"{HERE}: ")


# --- the watchlist


def test_games_are_listed_in_short_or_in_long_form() -> None:
    found = settings(
        f"""
        [watch]
        games = [1, 14402]
        users = ["MaxMilyin", "{ULID}"]
        developers = ["Scott"]
        [[watch.game]]
        id = 668
        unlocks = "recent"
        every = {{ unlocks = "on-change", progress = "5 0 * * 7" }}
        """
    ).watch

    assert [game.id for game in found.games] == [1, 14402, 668]
    assert (found.games[0].unofficial, found.games[0].unlocks, found.games[0].every) == (
        False,
        None,
        {},
    )
    assert found.games[2].unlocks == "recent"
    assert found.games[2].every == {"unlocks": OnChange(), "progress": Cron("5 0 * * 7")}
    assert found.users == ("MaxMilyin", ULID)
    assert found.developers == ("Scott",)


@pytest.mark.parametrize(
    "text",
    [
        "[watch]\ngames = [668, 668]",
        "[[watch.game]]\nid = 668\n[[watch.game]]\nid = 668",
        "[watch]\ngames = [5, 668]\n[[watch.game]]\nid = 668",
    ],
)
def test_a_game_is_listed_once(text: str) -> None:
    assert complaint(text) == "watch: game 668 is listed twice"


def test_a_user_is_listed_once_however_the_name_is_written() -> None:
    assert complaint('[watch]\nusers = ["Scott", "sCOTT"]') == (
        'watch.users: "sCOTT" is listed twice'
    )
    assert settings('[watch]\nusers = ["Scott"]\ndevelopers = ["Scott"]').watch.users == ("Scott",)


@pytest.mark.parametrize("number", ["0", "-1", "9007199254740993", "true", "1.0", '"668"'])
def test_a_game_id_is_a_positive_number(number: str) -> None:
    assert re.fullmatch(
        r"watch\.games\[1\] = .*: must be a game id from 1 to 9007199254740992",
        complaint(f"[watch]\ngames = [1, {number}]"),
    )


def test_the_largest_game_id_is_accepted() -> None:
    assert settings("[watch]\ngames = [9007199254740992]").watch.games[0].id == 2**53


@pytest.mark.parametrize("name", ["x", "with space", "a" * 21, "näme", "", "a-b", ULID + "0"])
def test_a_user_is_a_name_or_a_ulid(name: str) -> None:
    said = complaint(f'[watch]\ndevelopers = ["{name}"]')

    assert said == (
        f'watch.developers[0] = "{name}": must be a user name (2 to 20 letters, digits or _) '
        "or a ULID (26 characters)"
    )


def test_a_user_is_a_text() -> None:
    assert "watch.users[0] = 7: must be a user name" in complaint("[watch]\nusers = [7]")


# --- the database


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("sqlite:///harvester.db", "sqlite:////etc/harvester/harvester.db"),
        ("sqlite:///data/x.db", "sqlite:////etc/harvester/data/x.db"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("sqlite:///~/x.db", f"sqlite:///{Path.home()}/x.db"),
        ("postgresql://host/db", "postgresql://host/db"),
        (
            "postgresql+psycopg://me:pw@[::1]:5432/db?a=1",
            "postgresql+psycopg://me:pw@[::1]:5432/db?a=1",
        ),
        ("postgresql:///db?host=/run/postgresql", "postgresql:///db?host=/run/postgresql"),
    ],
)
def test_a_relative_database_lies_beside_the_configuration(url: str, meant: str) -> None:
    assert settings(f'[database]\nurl = "{url}"').database.url == meant
    assert settings(environ={"HARVESTER_DATABASE_URL": url}).database.url == meant


@pytest.mark.parametrize(
    "url",
    [
        "",
        "harvester.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://harvester.db",
        "sqlite:///x.db?mode=memory",
        "postgres://host/db",
        "postgresql+asyncpg://host/db",
        "postgresql://host:port/db",
        "postgresql://ho st/db",
        "mysql://host/db",
    ],
)
def test_other_databases_are_refused(url: str) -> None:
    assert complaint(f'[database]\nurl = "{url}"').endswith(
        'must be "sqlite:///FILE" or "postgresql://USER@HOST/NAME"'
    )


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///file:x.db"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    assert "nothing would be remembered" in complaint(f'[database]\nurl = "{url}"')


def test_an_unknown_home_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="no such home directory"):
        settings('[database]\nurl = "sqlite:///~no_such_user_here/x.db"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ('url = "postgresql://host/db"', False),
        ('url = "postgresql://host/db"\nauto_upgrade = true', True),
        ("auto_upgrade = false", False),
    ],
)
def test_only_sqlite_is_upgraded_unasked(text: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert settings(f"[database]\n{text}").database.is_self_upgrading is expected


# --- the API


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://127.0.0.1:8080/API", "http://127.0.0.1:8080/API/"),
        ("https://example.org/API/", "https://example.org/API/"),
        ("https://[::1]:8080", "https://[::1]:8080/"),
    ],
)
def test_the_base_url_ends_in_a_slash(url: str, meant: str) -> None:
    assert settings(f'[api]\nbase_url = "{url}"').api.base_url == meant


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "https://",
        "https:///API",
        "https://me@example.org/",
        "https://example.org:port/",
        "https://example.org:0/",
        "https://[::1/",
        "https://example.org/?a=1",
        "https://example.org/#a",
        "https://example.org/a b",
        "https://exämple.org/",
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    assert "must be an address such as" in complaint(f'[api]\nbase_url = "{url}"')
