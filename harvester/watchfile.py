"""Editing the watchlist where it lives: in `config.toml`, comments and layout kept.

    lock -> read -> edit the document -> check that the result says what was meant -> replace

The file is replaced as a whole or not at all, and never by one that would not load. The lock
beside it keeps two edits at the same time from undoing each other.
"""

import csv
import io
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar

import tomlkit
from filelock import AcquireReturnProxy, FileLock, Timeout
from tomlkit.exceptions import TOMLKitError

from harvester import config
from harvester.config import Settings, WatchedGame
from harvester.errors import ConfigError
from harvester.schedule import readable
from harvester.values import checked_game_id, checked_user

PATIENCE_SECONDS: Final = 10  # an edit takes far less than one
_LISTS = {"game": "games", "user": "users", "developer": "developers"}

T = TypeVar("T", int, str)
Watch = MutableMapping[str, Any]


class Targets(TypedDict):
    """What to watch or no longer to watch, as `add` and `remove` take it."""

    games: list[int]
    users: list[str]
    developers: list[str]


def add(
    path: Path,
    *,
    games: Sequence[int] = (),
    users: Sequence[str] = (),
    developers: Sequence[str] = (),
) -> list[str]:
    """Watch these too; return what was not watched before, in words ("game 668").

    `ConfigError` if the file, or what it would become, does not load; it is untouched then.
    """
    wanted = (("game", games), ("user", users), ("developer", developers))
    return _edit(path, lambda watch: [done for kind in wanted for done in _added(watch, *kind)])


def remove(
    path: Path,
    *,
    games: Sequence[int] = (),
    users: Sequence[str] = (),
    developers: Sequence[str] = (),
) -> list[str]:
    """Watch these no longer; return what was watched until now, in words ("game 668").

    A game's `[[watch.game]]` table goes with it. `ConfigError` as with `add`.
    """
    unwanted = (("game", games), ("user", users), ("developer", developers))
    return _edit(path, lambda watch: [done for kind in unwanted for done in _removed(watch, *kind)])


def listed(settings: Settings) -> list[dict[str, object]]:
    """Return the watchlist as rows: kind, id, and a game's own settings (None: the usual)."""
    return [
        *map(_game_row, settings.watch.games),
        *(_person_row("user", name) for name in settings.watch.users),
        *(_person_row("developer", name) for name in settings.watch.developers),
    ]


def write_csv(settings: Settings) -> str:
    """Return the watchlist as CSV with the columns kind (game, user, developer) and id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", "id"))
    writer.writerows((row["kind"], row["id"]) for row in listed(settings))
    return text.getvalue()


def read_csv(text: str) -> Targets:
    """Return what a CSV with the columns kind and id lists; other columns are ignored.

    `ConfigError` names the line that makes no sense.
    """
    targets = Targets(games=[], users=[], developers=[])
    for line, kind, target in _csv_rows(text):
        try:
            _take(targets, kind, target)
        except ValueError as error:
            raise ConfigError(f"line {line}: {error}") from None
    return targets


def _edit(path: Path, change: Callable[[Watch], list[str]]) -> list[str]:
    config.read(path)  # no lock beside a file that is not there
    with _locked(path):
        text = config.read(path)
        config.parse(text, path=path, environ={})
        document = _document(text, path)
        done = change(document.setdefault("watch", {}))
        if done:
            edited = tomlkit.dumps(document)
            config.parse(edited, path=path, environ={})
            _must_mean(edited, text, change, path)
            _replace(path, edited)
    return done


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    target = path.resolve()  # one file, one lock, whatever links lead to it
    with _acquired(path, FileLock(f"{target}.lock", timeout=PATIENCE_SECONDS)) as lock:
        with suppress(OSError):  # it may belong to somebody else, who lets us use it
            _give_rights(Path(lock.lock_file), target)
        yield


def _acquired(path: Path, lock: FileLock) -> AcquireReturnProxy[FileLock]:
    try:
        return lock.acquire()
    except Timeout:
        raise ConfigError(f"{path} is being edited by another harvester; try again") from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _document(text: str, path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"{path} cannot be edited, only read: {error}") from None


def _must_mean(edited: str, text: str, change: Callable[[Watch], object], path: Path) -> None:
    # Keeping comments in place is delicate; the same change to the bare data tells
    # whether the edited text still says what it should.
    meant = tomllib.loads(text)
    change(meant.setdefault("watch", {}))
    if _bare(tomllib.loads(edited)) != _bare(meant):
        raise ConfigError(f"{path}: [watch] and [[watch.game]] must stand together to be edited")


def _bare(content: dict[str, Any]) -> dict[str, Any]:
    return {section: table for section, table in content.items() if table}


def _added(watch: Watch, kind: str, targets: Sequence[int | str]) -> list[str]:
    watched = set(map(_folded, _entries(watch, kind)))
    new: dict[str, int | str] = {}
    for target in targets:
        if _folded(target) not in watched:
            new.setdefault(_folded(target), target)
    if new:
        _append(watch, _LISTS[kind], list(new.values()))
    return [f"{kind} {target}" for target in new.values()]


def _append(watch: Watch, key: str, names: list[int | str]) -> None:
    if key in watch:
        watch[key].extend(names)
    else:
        # Set at once: of a table in two places tomlkit hands out no part that can grow.
        watch[key] = names


def _removed(watch: Watch, kind: str, targets: Sequence[int | str]) -> list[str]:
    unwanted = set(map(_folded, targets))
    gone = [entry for entry in _entries(watch, kind) if _folded(entry) in unwanted]
    _strike(watch, _LISTS[kind], unwanted)
    if kind == "game":
        _strike(watch, "game", unwanted)
        _drop_if_empty(watch, "game")
    return [f"{kind} {_name(entry)}" for entry in gone]


def _strike(watch: Watch, key: str, unwanted: set[str]) -> None:
    entries = watch.get(key, [])
    for place in reversed(range(len(entries))):
        if _folded(entries[place]) in unwanted:
            del entries[place]


def _drop_if_empty(watch: Watch, key: str) -> None:
    if key in watch and not watch[key]:
        del watch[key]


def _entries(watch: Watch, kind: str) -> list[object]:
    tables = watch.get("game", []) if kind == "game" else []
    return [*watch.get(_LISTS[kind], []), *tables]


def _folded(entry: object) -> str:
    return str(_name(entry)).lower()


def _name(entry: object) -> object:
    return entry["id"] if isinstance(entry, Mapping) else entry


def _replace(path: Path, text: str) -> None:
    target = path.resolve()  # a symbolic link stays one
    try:
        with _beside(target) as temporary:
            _write_through(temporary, text)
            _give_rights(temporary, target)
            temporary.replace(target)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be written: {error.strerror or error}")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(number)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _write_through(temporary: Path, text: str) -> None:
    with temporary.open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _give_rights(temporary: Path, target: Path) -> None:
    # root may edit the file of the harvester's own user, who must still be able to read it.
    shutil.copymode(target, temporary)
    with suppress(PermissionError):
        os.chown(temporary, target.stat().st_uid, target.stat().st_gid)


def _game_row(game: WatchedGame) -> dict[str, object]:
    every = ", ".join(f"{job} {readable(schedule)}" for job, schedule in game.every.items())
    return {
        "kind": "game",
        "id": game.id,
        "unofficial": game.unofficial,
        "unlocks": game.unlocks,
        "every": every or None,
    }


def _person_row(kind: str, name: str) -> dict[str, object]:
    return {"kind": kind, "id": name, "unofficial": None, "unlocks": None, "every": None}


def _csv_rows(text: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        if not {"kind", "id"} <= set(reader.fieldnames or ()):
            raise ConfigError("line 1: must be a header with the columns kind and id")
        for row in reader:
            yield reader.line_num, (row["kind"] or "").strip(), (row["id"] or "").strip()
    except csv.Error as error:
        raise ConfigError(f"line {reader.line_num + 1}: no CSV: {error}") from None


def _take(targets: Targets, kind: str, target: str) -> None:
    match kind:
        case "game":
            targets["games"].append(_game_id(target))
        case "user":
            targets["users"].append(_user(target))
        case "developer":
            targets["developers"].append(_user(target))
        case _:
            raise ValueError(f"kind = {_quoted(kind)}: must be game, user or developer")


def _game_id(text: str) -> int:
    is_number = re.fullmatch("[0-9]{1,16}", text) is not None
    return _told(text, checked_game_id, int(text) if is_number else 0)


def _user(text: str) -> str:
    return _told(text, checked_user, text)


def _told(text: str, check: Callable[[T], T], target: T) -> T:
    try:
        return check(target)
    except ValueError as error:
        raise ValueError(f"id = {_quoted(text)}: {error}") from None


def _quoted(text: str) -> str:
    return json.dumps(text[:80], ensure_ascii=not text.isprintable())
