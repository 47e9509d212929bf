import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ValidationError

from harvester import config
from harvester.complaints import keys_of
from harvester.config import Settings
from harvester.errors import ConfigError
from harvester.schedule import Every, OnChange

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path


def leaf_keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for key, field in keys_of(model).items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= leaf_keys(inner, f"{prefix}{key}.")
        else:
            found.add(f"{prefix}{key}")
    return found


# --- defaults and the example


def test_without_a_file_everything_has_its_default() -> None:
    found = config.load(None, {})

    assert found.path is None
    assert found.api.username == ""
    assert found.api.base_url == "https://retroachievements.org/API/"
    assert found.api.auth == "query"
    assert (found.api.requests_per_second, found.api.burst, found.api.in_flight) == (1.0, 4, 1)
    assert (found.api.daily_budget, found.api.timeout) == (20000, timedelta(seconds=30))
    assert found.database.url == f"sqlite:///{Path.cwd()}/harvester.db"
    assert found.schedule.zone == ZoneInfo("UTC")
    assert (found.watch.games, found.watch.users, found.watch.developers) == ((), (), ())


def test_every_job_has_its_own_defaults() -> None:
    jobs = settings().jobs

    assert config.JOBS == (
        "game-tickets",
        "developer-tickets",
        "distribution",
        "progress",
        "unlocks",
    )
    assert jobs.game_tickets.every == jobs.developer_tickets.every == jobs.progress.every
    assert (jobs.game_tickets.every, jobs.game_tickets.detail) == (Every(3600), True)
    assert jobs.game_tickets.recheck == timedelta(hours=6)
    assert jobs.game_tickets.recheck_closed == timedelta(days=7)
    assert (jobs.distribution.every, jobs.distribution.at_most) == (Every(86400), timedelta(days=7))
    assert (jobs.unlocks.every, jobs.unlocks.mode) == (OnChange(), "full")
    assert (jobs.unlocks.sweep, jobs.unlocks.at_most) == (timedelta(days=7), timedelta(days=30))


def test_adaptive_intervals_stretch_to_a_day_unless_told_otherwise() -> None:
    jobs = settings().jobs

    for job in (jobs.game_tickets, jobs.developer_tickets, jobs.progress):
        assert (job.adaptive, job.at_most) == (False, timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[jobs.progress]\nevery = "2h"\nadaptive = true\nat_most = "90m"',
            "jobs.progress.at_most = 90m is shorter than jobs.progress.every = 2h; ",
        ),
        (
            '[jobs.unlocks]\nsweep = "31d"\nadaptive = true\nat_most = "30d"',
            "jobs.unlocks.at_most = 30d is shorter than jobs.unlocks.sweep = 31d; ",
        ),
        (
            (
                '[[watch.game]]\nid = 7\nevery = { progress = "3h" }\n[jobs.progress]\n'
                'adaptive = true\nat_most = "2h"'
            ),
            "jobs.progress.at_most = 2h is shorter than game 7: every = 3h; ",
        ),
    ],
)
def test_a_longest_interval_shorter_than_the_shortest_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(text)

    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        '[jobs.progress]\nevery = "2h"\nat_most = "90m"',
        '[jobs.progress]\nevery = "2h"\nat_most = "2h"\nadaptive = true',
        '[jobs.progress]\nevery = "2d"\nadaptive = true',
        '[jobs.progress]\nevery = "0 0 * * *"\nat_most = "1h"\nadaptive = true',
    ],
)
def test_what_does_not_adapt_or_was_not_set_contradicts_nothing(text: str) -> None:
    assert settings(text).jobs.progress.every is not None


def test_setting_one_key_of_a_job_leaves_its_other_defaults() -> None:
    distribution = settings('[jobs.distribution]\nevery = "12h"').jobs.distribution

    assert (distribution.every, distribution.at_most) == (Every(43200), timedelta(days=7))


def test_the_example_says_what_holds_without_it() -> None:
    assert settings(config.example()) == settings()


def test_the_example_shows_every_key() -> None:
    section, shown = "", set()
    for line in config.example().splitlines():
        if heading := re.match(r"(?:# )?\[+([a-z.-]+)\]", line):
            section = heading[1]
        elif setting := re.match(r"(?:# )?(\w+) = ", line):
            shown.add(f"{section}.{setting[1]}")

    long_form = {f"watch.game.{key}" for key in config.WatchedGame.model_fields}
    assert shown == (leaf_keys(Settings) - {"watch.game"}) | long_form


def test_what_the_example_comments_out_is_right_too() -> None:
    text = re.sub(r"(?m)^# (?=\[|\w+ = )", "", config.example())

    found = settings(text)

    assert found.watch.games == (
        config.WatchedGame(
            id=668,
            unofficial=True,
            unlocks="off",
            every={"game-tickets": Every(900), "distribution": Every(43200)},
        ),
    )
    assert found.database.auto_upgrade is True
    assert found.jobs.unlocks.at_most == timedelta(days=30)


def test_the_example_is_found_inside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.example.toml").write_text("# from the wheel\n")
    monkeypatch.setattr(config, "files", lambda _: tmp_path)

    assert config.example() == "# from the wheel\n"


# --- environment


def test_the_environment_wins_over_the_file() -> None:
    found = settings(
        '[api]\nusername = "Filed"\nburst = 2\n[schedule]\ntimezone = "Asia/Tokyo"',
        {
            "HARVESTER_API_USERNAME": "FromEnv",
            "HARVESTER_API_KEY": KEY,
            "HARVESTER_API_REQUESTS_PER_SECOND": "0.5",
            "HARVESTER_API_BURST": "9",
            "HARVESTER_API_TIMEOUT": "1m",
            "HARVESTER_API_AUTH": "bearer",
            "HARVESTER_DATABASE_URL": "postgresql://host/db",
            "HARVESTER_DATABASE_AUTO_UPGRADE": "true",
            "HARVESTER_SCHEDULE_TIMEZONE": "Europe/Berlin",
        },
    )

    assert found.api.username == "FromEnv"
    assert found.api.key.get_secret_value() == KEY
    assert (found.api.requests_per_second, found.api.burst) == (0.5, 9)
    assert (found.api.timeout, found.api.auth) == (timedelta(minutes=1), "bearer")
    assert (found.database.url, found.database.auto_upgrade) == ("postgresql://host/db", True)
    assert found.schedule.zone == ZoneInfo("Europe/Berlin")


def test_every_scalar_can_come_from_the_environment() -> None:
    variables = {
        f"HARVESTER_{section}_{key}".upper(): "\x00 no value can be this"
        for section in ("api", "database", "schedule")
        for key in keys_of(type(getattr(settings(), section)))
    }

    said = complaint(environ=variables)

    # A file's name can be anything.
    assert {name for name in variables if name not in said} == {"HARVESTER_API_KEY_FILE"}


def test_a_mistake_in_the_environment_is_told_with_the_variable() -> None:
    assert complaint(environ={"HARVESTER_API_BURST": "many"}) == (
        'HARVESTER_API_BURST = "many": must be a whole number from 1'
    )
    assert complaint("api = 3", {"HARVESTER_API_BURST": "3"}) == "api = 3: must be a table"


def test_empty_and_foreign_variables_are_ignored() -> None:
    environ = {"HARVESTER_API_BURST": "", "HARVESTER_FORMAT": "json", "HARVESTER_WATCH_GAMES": "1"}

    assert settings(environ=environ) == settings()


# --- credentials


def credentials(text: str, environ: Mapping[str, str] | None = None) -> str:
    try:
        config.require_credentials(settings(text, environ))
    except ConfigError as error:
        return str(error)
    return "fine"


def test_credentials_are_missed_only_when_they_are_needed() -> None:
    assert "HARVESTER_API_USERNAME" in credentials("")
    assert "https://retroachievements.org/settings" in credentials('[api]\nusername = "Me_"')
    assert credentials('[api]\nusername = "Me_"', {"HARVESTER_API_KEY": KEY}) == "fine"


def test_the_key_is_taken_from_the_environment_then_the_file_then_the_key_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "key").write_text("from-key-file\n")
    text = f'[api]\nkey = "from-file"\nkey_file = "{tmp_path}/key"'

    def key(text: str, environ: Mapping[str, str]) -> str:
        return settings(text, environ).api.key.get_secret_value()

    assert key(text, {"HARVESTER_API_KEY": "from-env"}) == "from-env"
    assert key(text, {}) == "from-file"
    assert key(text.replace("from-file", ""), {}) == "from-key-file"


def test_a_relative_key_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbf  secret-in-file \r\n")
    (tmp_path / "config.toml").write_text('[api]\nusername = "Me_"\nkey_file = "key"')

    found = config.load(tmp_path / "config.toml", {})

    config.require_credentials(found)
    assert found.api.key_file == f"{tmp_path}/key"
    assert found.api.key.get_secret_value() == "secret-in-file"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file"),
        (b"", "must hold the key and nothing else"),
        (f"username=me\nkey={KEY}".encode(), "must hold the key and nothing else"),
        (b"\xff\xfe", "must hold the key and nothing else"),
    ],
)
def test_a_bad_key_file_is_told_when_the_key_is_needed(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    said = credentials(f'[api]\nusername = "Me_"\nkey_file = "{tmp_path}/key"')

    assert said.startswith(f"api.key_file {tmp_path}/key {why}")
    assert KEY not in said


# --- files


def test_the_file_asked_for_is_taken(folder: Path) -> None:
    (folder / "config.toml").touch()
    (folder / "other.toml").touch()

    assert config.find(Path("other.toml")) == Path("other.toml")
    with pytest.raises(ConfigError, match=r"missing\.toml does not exist; `harvester init`"):
        config.find(Path("missing.toml"))


def test_the_file_here_comes_before_the_users_own(folder: Path) -> None:
    users = folder / "xdg" / "ra-harvester" / "config.toml"
    with pytest.raises(ConfigError, match="`harvester init` writes one"):
        config.find(None)

    users.parent.mkdir(parents=True)
    users.touch()
    assert config.find(None) == users

    (folder / "config.toml").touch()
    assert config.find(None) == Path("config.toml")


def test_a_file_is_loaded_and_remembered(folder: Path) -> None:
    file = folder / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf[watch]\r\ngames = [1]\r\n")

    found = config.load(Path("config.toml"), {})

    assert found.path == Path("config.toml")
    assert found.watch.games[0].id == 1
    assert found.database.url == f"sqlite:///{folder}/harvester.db"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: Is a directory"), (b"a = '\xff'", "is not UTF-8 at byte 5")],
)
def test_an_unreadable_file_is_told(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "config.toml"
    file.mkdir() if content is None else file.write_bytes(content)

    with pytest.raises(ConfigError, match=re.escape(f"{file} {why}")):
        config.load(file, {})


def test_the_file_is_named_in_front_of_what_is_wrong_with_it() -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{HERE}: api.burst = 0")):
        settings("[api]\nburst = 0")
    with pytest.raises(ConfigError, match=r"^HARVESTER_API_BURST = 0"):
        config.load(None, {"HARVESTER_API_BURST": "0"})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings().api.burst = 5
    with pytest.raises(ValidationError, match="frozen"):
        settings().database = settings().database


# --- warnings


def test_nothing_is_said_about_the_defaults() -> None:
    assert config.warnings(settings()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[api]\nrequests_per_second = 4.5", "api.requests_per_second = 4.5 is more than"),
        ('[api]\nbase_url = "http://example.org/"', "sends the key unencrypted"),
        (
            '[jobs.developer-tickets]\nevery = "0 4 * * *"\nadaptive = true',
            "jobs.developer-tickets.adaptive has no effect on a cron expression",
        ),
    ],
)
def test_what_is_hardly_meant_is_warned_about(text: str, said: str) -> None:
    (warning,) = config.warnings(settings(text))

    assert said in warning


@pytest.mark.parametrize(
    "text",
    [
        "[api]\nrequests_per_second = 4",
        "[jobs.progress]\nadaptive = true",
        "[jobs.unlocks]\nadaptive = true",
        '[api]\nrequests_per_second = 100\nbase_url = "http://127.0.0.1:8080/"',
        '[api]\nbase_url = "http://[::1]/"\nkey_file = "/no/such/file"',
    ],
)
def test_what_is_harmless_is_not_warned_about(text: str) -> None:
    assert config.warnings(settings(text)) == []


def test_a_key_that_everybody_can_read_is_warned_about(tmp_path: Path) -> None:
    file, key_file = tmp_path / "config.toml", tmp_path / "key"
    key_file.write_text(KEY)
    file.write_text(f'[api]\nkey = "{KEY}"\nkey_file = "key"')
    file.chmod(0o644)
    key_file.chmod(0o644)

    said = config.warnings(config.load(file, {}))

    assert [str(path) in line for path, line in zip([key_file, file], said, strict=True)] == [
        True
    ] * 2
    file.chmod(0o640)
    key_file.chmod(0o600)
    assert config.warnings(config.load(file, {})) == []


def test_a_file_without_a_key_may_be_read_by_everybody(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[api]\nburst = 4")
    file.chmod(0o644)

    assert config.warnings(config.load(file, {"HARVESTER_API_KEY": KEY})) == []
