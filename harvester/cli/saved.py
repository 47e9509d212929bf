"""Files that a command makes: there as a whole, or not at all."""

import os
from pathlib import Path

from harvester.errors import HarvesterError


def save(path: Path, content: bytes) -> None:
    """Put `content` into the place of whatever `path` is; `HarvesterError` if that cannot be."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_through(beside, content)
        beside.replace(path)
    except OSError as error:
        raise HarvesterError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _write_through(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
