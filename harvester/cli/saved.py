"""Files that a command makes: there as a whole, or not at all."""

from pathlib import Path

from harvester.errors import ConfigError
from harvester.exportfile import replacing


def save(path: Path, content: bytes) -> None:
    """Put `content` into the place of whatever `path` is; `ConfigError` if that cannot be."""
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
