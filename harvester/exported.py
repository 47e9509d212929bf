"""A folder of exports: what its files are called, and what it remembers of the last export.

A table is one file, `unlocks.parquet`. Where it grows by parts, or is cut by months, it is a
folder of files that are named after the instant of their export,
`unlocks/20261125T030000Z.parquet` or `unlocks/month=2026-11/20261125T030000Z.parquet`.
`export.json` remembers, by format and table, of which instant the last export was, and since when
on its rows are in the folder.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from filelock import FileLock, Timeout

from harvester.errors import ConfigError
from harvester.exportfile import UNFINISHED, replacing

MANIFEST: Final = "export.json"
UNDATED: Final = "__HIVE_DEFAULT_PARTITION__"  # what Hive, DuckDB and Arrow call a null
_LOCK: Final = ".export.lock"
_INSTANT: Final = "%Y%m%dT%H%M%SZ"
_PART: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_MONTH: Final = "month="


@dataclass(frozen=True)
class Last:
    """The last export of a table: of which instant, how many rows, cut by months or not.

    The folder holds the rows that began or ended `since` then, or all: so it is taken where
    nothing is said. `is_grown` tells whether exports of what changed go on from them.
    """

    exported_at: str
    rows: int
    is_by_month: bool
    since: str | None = None
    is_grown: bool = False

    @property
    def at(self) -> datetime:
        """Return the instant."""
        return datetime.fromisoformat(self.exported_at)

    @property
    def begins(self) -> datetime | None:
        """Tell since when on rows are there; None: all are."""
        return datetime.fromisoformat(self.since) if self.since else None


Manifest: TypeAlias = dict[str, dict[str, Last]]  # by format and table


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """Be the only one who exports to a folder; make it if it is not there.

    What exports that were killed left unfinished is removed. Raises `ConfigError` where the
    folder cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with FileLock(path / _LOCK, timeout=0):
            _clean(path)
            yield
    except Timeout:
        raise ConfigError(f"another export writes to {path}; wait for it") from None
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"{path} is not a folder; name one that is, or a new one") from None
    except OSError as error:
        why = error.strerror or str(error)
        hint = "check who owns the folder and how full its disk is, or choose another"
        raise ConfigError(f"cannot write to {path}: {why}; {hint}") from None


def _clean(path: Path) -> None:
    """Remove what was left unfinished where exports write, and look nowhere else."""
    for within in ("", "*/", f"*/{_MONTH}*/"):
        for left in path.glob(f"{within}.*{UNFINISHED}"):
            left.unlink()


def read(path: Path) -> Manifest:
    """Read what the folder remembers; `ConfigError` where it makes no sense."""
    file = path / MANIFEST
    try:
        told = json.loads(file.read_text("utf-8"))
        return {
            form: {name: _last(last) for name, last in tables.items()}
            for form, tables in told.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"{file} cannot be read; remove it, and everything is exported") from None


def _last(told: Mapping[str, Any]) -> Last:
    last = Last(**told)
    if None in {own.tzinfo for own in (last.at, last.begins or last.at)}:
        raise ValueError(told)
    return last


def remember(path: Path, manifest: Manifest) -> None:
    """Write down what was exported."""
    plain = {
        form: {name: asdict(last) for name, last in sorted(tables.items())}
        for form, tables in sorted(manifest.items())
    }
    with replacing(path / MANIFEST) as out:
        out.write(f"{json.dumps(plain, indent=2)}\n".encode())


def is_there(path: Path, table: str, form: str) -> bool:
    """Tell whether any file of a table is left in the folder."""
    return bool(_ours(path, table, form))


def whole(path: Path, table: str, form: str) -> Path:
    """Name the file of a whole table."""
    return path / f"{table}.{form}"


def part(path: Path, table: str, form: str, at: datetime, month: str | None = None) -> Path:
    """Name the file of a part."""
    within = path / table / f"{_MONTH}{month}" if month else path / table
    return within / f"{at.astimezone(UTC):{_INSTANT}}.{form}"


def month_of(at: datetime | None) -> str:
    """Name the month (UTC) of an instant."""
    return f"{at.year:04}-{at.month:02}" if at else UNDATED


def text_of(at: datetime) -> str:
    """Write an instant as the folder remembers it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def gather(path: Path, table: str, form: str, last: Last) -> None:
    """Make the file of a whole table the first of its parts."""
    before, after = whole(path, table, form), part(path, table, form, last.at)
    if before.exists():
        after.parent.mkdir(exist_ok=True)
        before.replace(after)


def sweep(path: Path, table: str, form: str, keep: Mapping[Path, int]) -> None:
    """Remove what earlier exports of a table left, and no file of anybody else."""
    for file in _ours(path, table, form):
        if file not in keep:
            file.unlink()
            if file.parent != path and not any(file.parent.iterdir()):
                file.parent.rmdir()


def _ours(path: Path, table: str, form: str) -> list[Path]:
    parts = [*(path / table).glob(f"*.{form}"), *(path / table).glob(f"{_MONTH}*/*.{form}")]
    ours = [file for file in parts if _PART.fullmatch(file.stem)]
    return [*ours, *([one] if (one := whole(path, table, form)).exists() else [])]
