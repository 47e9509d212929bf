import os
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import tomlkit
from examples import examples
from filelock import FileLock
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError

from harvester import config, watchfile
from harvester.config import Settings
from harvester.errors import ConfigError

ULID = "01HZY3V7N2M4K5P6Q7R8S9T0VW"

LOCK = "config.toml.lock"

LAYOUT = """\
# mine
[api]
username = "Me_"   # hello

[watch]
games = [
  1,      # Sonic
  14402,  # Mario
]
users = ["MaxMilyin"]  # friends
developers = []

# the big one
[[watch.game]]
id = 668
every = { game-tickets = "15m" }

[jobs.progress]  # last
every = "2h"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "config.toml", LAYOUT)


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def loaded(path: Path) -> Settings:
    return config.load(path, {})


def game_ids(path: Path) -> list[int]:
    return [game.id for game in loaded(path).watch.games]


# --- adding


def test_what_is_added_is_watched_and_told(file: Path) -> None:
    told = watchfile.add(file, games=[5], users=["Scott", ULID], developers=["Scott"])

    assert told == ["game 5", "user Scott", f"user {ULID}", "developer Scott"]
    assert game_ids(file) == [1, 14402, 5, 668]
    assert loaded(file).watch.users == ("MaxMilyin", "Scott", ULID)
    assert loaded(file).watch.developers == ("Scott",)


def test_comments_and_layout_are_kept(file: Path) -> None:
    watchfile.add(file, games=[5], users=["Scott"])

    assert file.read_text() == LAYOUT.replace(
        "  14402,  # Mario\n", "  14402,  # Mario\n  5,\n"
    ).replace('["MaxMilyin"]', '["MaxMilyin", "Scott"]')


def test_what_is_watched_already_is_not_added_twice(file: Path) -> None:
    before = file.stat()

    told = watchfile.add(file, games=[1, 668, 14402], users=["maxmilyin"])

    assert told == []
    assert file.read_text() == LAYOUT
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_named_twice_is_added_once(file: Path) -> None:
    assert watchfile.add(file, games=[5, 5], users=["Ab", "aB"]) == ["game 5", "user Ab"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[api]\nburst = 1\n",
        "[watch]\n\n[api]\nburst = 1",
        "[[watch.game]]\nid = 3\n",
        "watch.games = [1]\n",
        'watch = { users = ["Me_"] }\n',
        "[watch]\ngames = [1]\n[jobs.progress]\nevery = '1h'\n[[watch.game]]\nid = 2\n",
        "[watch]\r\ngames = [1]\r\n",
    ],
)
def test_every_sensible_layout_can_be_added_to(tmp_path: Path, text: str) -> None:
    file = written(tmp_path / "config.toml", text)
    before = loaded(file)

    watchfile.add(file, games=[9], users=["Scott"], developers=["Scott", "Other"])

    assert set(game_ids(file)) == {9} | {game.id for game in before.watch.games}
    assert loaded(file).watch.users == (*before.watch.users, "Scott")
    assert loaded(file).watch.developers == ("Scott", "Other")
    assert loaded(file).jobs == before.jobs


def test_the_line_ends_of_windows_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", LAYOUT.replace("\n", "\r\n"))

    watchfile.add(file, users=["Scott"])

    assert b'users = ["MaxMilyin", "Scott"]  # friends\r\n' in file.read_bytes()
    assert b"\r\r" not in file.read_bytes()


# --- removing


def test_what_is_removed_is_watched_no_longer_and_told(file: Path) -> None:
    told = watchfile.remove(file, games=[1, 7], users=["MAXMILYIN"], developers=["Nobody"])

    assert told == ["game 1", "user MaxMilyin"]
    assert game_ids(file) == [14402, 668]
    assert loaded(file).watch.users == ()


def test_removing_takes_a_games_own_table_along(file: Path) -> None:
    assert watchfile.remove(file, games=[668]) == ["game 668"]

    assert file.read_text() == LAYOUT.replace(
        '[[watch.game]]\nid = 668\nevery = { game-tickets = "15m" }\n\n', ""
    )


def test_removing_one_table_leaves_the_others(tmp_path: Path) -> None:
    file = written(
        tmp_path / "config.toml",
        "[[watch.game]]\nid = 1\n[[watch.game]]\nid = 2  # two\n[[watch.game]]\nid = 3\n",
    )

    assert watchfile.remove(file, games=[3, 1]) == ["game 1", "game 3"]
    assert file.read_text() == "[[watch.game]]\nid = 2  # two\n"


def test_removing_what_is_not_watched_leaves_the_file_alone(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", "")

    assert watchfile.remove(file, games=[1], users=["Scott"]) == []
    assert file.read_text() == ""


def test_removing_the_only_table_leaves_a_file_that_loads(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", "[[watch.game]]\nid = 2\n\n[api]\nburst = 1\n")

    watchfile.remove(file, games=[2])

    assert file.read_text() == "[api]\nburst = 1\n"


names = st.sampled_from(["Scott", "SCOTT", "Me_", "me_", "Other", ULID, "x1"])
targets = {
    "games": st.lists(st.sampled_from([1, 2, 668, 14402, 2**53])),
    "users": st.lists(names),
    "developers": st.lists(names),
}


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@given(
    before=st.sampled_from([LAYOUT, "", "[[watch.game]]\nid = 1\n", config.example()]),
    steps=st.lists(st.tuples(st.booleans(), st.fixed_dictionaries(targets)), max_size=4),
)
@hypothesis_settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_sequence_of_edits_ends_in_what_it_says(
    tmp_path: Path, before: str, steps: list[tuple[bool, watchfile.Targets]]
) -> None:
    file = written(tmp_path / "config.toml", before)
    expected = {(row["kind"], str(row["id"]).lower()) for row in watchfile.listed(loaded(file))}
    others = (loaded(file).api, loaded(file).jobs)
    for is_added, step in steps:
        if is_added:
            watchfile.add(file, **step)
        else:
            watchfile.remove(file, **step)
        named = {
            (kind, str(target).lower())
            for kind in ("game", "user", "developer")
            for target in step[f"{kind}s"]  # type: ignore[literal-required]
        }
        expected = expected | named if is_added else expected - named

    found = [(row["kind"], str(row["id"]).lower()) for row in watchfile.listed(loaded(file))]

    assert sorted(found) == sorted(expected)
    assert (loaded(file).api, loaded(file).jobs) == others


# --- what never reaches the file


@pytest.mark.parametrize(
    ("games", "users", "why"),
    [
        ([0], [], r"watch\.games\[2\] = 0: must be a game id"),
        ([2**53 + 1], [], "must be a game id"),
        ([], ["no such name"], r'watch\.users\[1\] = "no such name": must be a user name'),
    ],
)
def test_a_bad_target_never_reaches_the_file(
    file: Path, games: list[int], users: list[str], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        watchfile.add(file, games=[5, *games][-1:], users=users)

    assert file.read_text() == LAYOUT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[api]\nburst = 0\n", r"api\.burst = 0"),
        ("[watch\n", "not valid TOML"),
        ("watch = 3\n", "watch = 3: must be a table"),
    ],
)
def test_a_file_that_does_not_load_is_not_edited(tmp_path: Path, text: str, why: str) -> None:
    file = written(tmp_path / "config.toml", text)

    with pytest.raises(ConfigError, match=why):
        watchfile.add(file, games=[1])

    assert file.read_text() == text


def test_a_layout_that_cannot_be_edited_safely_is_left_alone(tmp_path: Path) -> None:
    text = "[[watch.game]]\nid = 2\n[api]\nburst = 1\n[[watch.game]]\nid = 4\n"
    file = written(tmp_path / "config.toml", text)

    with pytest.raises(ConfigError, match="must stand together to be edited"):
        watchfile.remove(file, games=[2])

    assert file.read_text() == text


def test_a_document_that_only_loads_is_not_edited(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_strict(_text: str) -> None:
        raise TOMLKitError("odd")

    monkeypatch.setattr(tomlkit, "parse", too_strict)

    with pytest.raises(ConfigError, match="cannot be edited, only read: odd"):
        watchfile.add(file, games=[5])


# --- replacing the file


def test_the_mode_of_the_file_is_kept(file: Path) -> None:
    file.chmod(0o640)

    watchfile.add(file, games=[5])

    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_stays_a_link(file: Path) -> None:
    link = file.with_name("link.toml")
    link.symlink_to(file)

    watchfile.add(link, games=[5])

    assert link.is_symlink()
    assert 5 in game_ids(file)


@pytest.mark.parametrize("call", ["replace", "fsync", "chown"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path if call == "replace" else os, call, full)

    with pytest.raises(ConfigError, match=r"config\.toml cannot be written: No space left"):
        watchfile.add(file, games=[5])

    assert file.read_text() == LAYOUT
    assert sorted(path.name for path in file.parent.iterdir()) == ["config.toml", LOCK]


def test_an_owner_that_cannot_be_kept_is_no_reason_to_fail(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", denied)

    assert watchfile.add(file, games=[5]) == ["game 5"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        watchfile.add(tmp_path / "config.toml", games=[5])


EDITOR = """\
import sys
from pathlib import Path
from harvester import watchfile
print("ready", flush=True)
for line in sys.stdin:
    watchfile.add(Path(sys.argv[1]), games=[int(line)])
"""


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_edits_at_the_same_time_do_not_undo_each_other(file: Path) -> None:
    with ExitStack() as running:
        editors = [running.enter_context(editor_of(file)) for _ in range(2)]
        for editor in editors:
            assert editor.stdout is not None
            assert editor.stdout.readline() == "ready\n"
        for start, editor in enumerate(editors):
            assert editor.stdin is not None
            editor.stdin.write("".join(f"{game}\n" for game in range(101 + start, 161, 2)))
            editor.stdin.close()

    assert set(range(101, 161)) <= set(game_ids(file))


def editor_of(file: Path) -> "subprocess.Popen[str]":
    call = [sys.executable, "-c", EDITOR, str(file)]
    return subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_an_edit_that_never_ends_is_told_to_the_next_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchfile, "PATIENCE_SECONDS", 0.1)

    with (
        FileLock(file.with_name(LOCK)),
        pytest.raises(ConfigError, match="is being edited by another harvester; try again"),
    ):
        watchfile.add(file, games=[5])


def test_a_lock_that_cannot_be_made_is_told(file: Path) -> None:
    file.with_name(LOCK).mkdir()

    with pytest.raises(ConfigError, match=r"config\.toml cannot be written: "):
        watchfile.add(file, games=[5])


def test_whoever_may_edit_the_file_may_lock_it(file: Path) -> None:
    file.chmod(0o660)

    watchfile.add(file, games=[5])

    assert stat.S_IMODE(file.with_name(LOCK).stat().st_mode) == 0o660


# --- listing, import and export


def test_the_watchlist_is_listed_with_each_games_own_settings(file: Path) -> None:
    rows = watchfile.listed(loaded(file))

    assert [(row["kind"], row["id"]) for row in rows] == [
        ("game", 1),
        ("game", 14402),
        ("game", 668),
        ("user", "MaxMilyin"),
    ]
    assert rows[2] == {
        "kind": "game",
        "id": 668,
        "unofficial": False,
        "unlocks": None,
        "every": "game-tickets 15m",
    }
    assert all(row.keys() == rows[2].keys() for row in rows)


def test_an_exported_watchlist_can_be_imported_elsewhere(file: Path, tmp_path: Path) -> None:
    watchfile.add(file, developers=["Scott"])
    text = watchfile.write_csv(loaded(file))
    other = written(tmp_path / "other.toml", "")

    watchfile.add(other, **watchfile.read_csv(text))

    assert text.splitlines() == [
        "kind,id",
        "game,1",
        "game,14402",
        "game,668",
        "user,MaxMilyin",
        "developer,Scott",
    ]
    assert watchfile.write_csv(loaded(other)) == text


def test_other_columns_blank_lines_and_a_byte_order_mark_are_no_matter() -> None:
    text = "\ufeffnote,id,kind\r\nx, 5 ,game\r\n\r\ny,Scott, user\r\n"

    assert watchfile.read_csv(text) == {"games": [5], "users": ["Scott"], "developers": []}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: must be a header with the columns kind and id"),
        ("game,5\n", "line 1: must be a header"),
        ("kind,id\ngame,5\ngaem,6\n", 'line 3: kind = "gaem": must be game, user or developer'),
        ("kind,id\ngame,Sonic\n", 'line 2: id = "Sonic": must be a game id'),
        ("kind,id\ngame,0\n", 'line 2: id = "0": must be a game id from 1'),
        ("kind,id\ngame,٣\n", 'line 2: id = "٣": must be a game id'),
        (f"kind,id\ngame,{'9' * 5000}\n", "must be a game id"),
        ("kind,id\nuser,a b\n", 'line 2: id = "a b": must be a user name'),
        ("kind,id\ndeveloper,\n", 'line 2: id = "": must be a user name'),
        ("kind,id\nuser\n", 'line 2: id = "": must be a user name'),
        ('kind,id\nuser,"Scott\n', "line 2: no CSV"),
    ],
)
def test_a_bad_row_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        watchfile.read_csv(text)

    assert why in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
