"""Stdout, whose own trouble is told apart from that of every other file.

A full disk behind `>` is no bug: it ends the command with one line.
"""

import io
import os
import sys
from typing import TYPE_CHECKING, Final

from harvester.errors import HarvesterError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_NUMBER: Final = 1


def set_up() -> None:
    """Let every write that fails raise `HarvesterError`, or `BrokenPipeError` without a reader.

    Titles hold what not every terminal can show; that is replaced.
    """
    before = sys.stdout
    if before is not sys.__stdout__:  # somebody catches what we write
        return
    if before is None:  # closed (`>&-`): no other file may get its number
        _occupy(os.O_RDONLY)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(_NUMBER, "w", closefd=False)),
        encoding=getattr(before, "encoding", "utf-8"),
        errors="replace",
        line_buffering=getattr(before, "line_buffering", False),
    )


def discard() -> None:
    """Let what is still to be written go nowhere, instead of failing once more at the end."""
    _occupy(os.O_WRONLY)


def _occupy(flags: int) -> None:
    nowhere = os.open(os.devnull, flags)
    if nowhere != _NUMBER:
        os.dup2(nowhere, _NUMBER)
        os.close(nowhere)


class _Output(io.FileIO):
    """The file behind stdout."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write, or say why that cannot be."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            discard()
            raise HarvesterError(f"cannot write the output: {error.strerror}") from None
