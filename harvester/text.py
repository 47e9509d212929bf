"""Text from outside, made harmless for one line of a log or a table.

Titles and notes are written by strangers: control characters move a terminal's cursor, and
marks that turn the reading direction make a line say something else.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_HARMFUL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)

_EMPTY: Final = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that leave no ink
_JOINER: Final = "\u200d"
_TONES: Final = range(0x1F3FB, 0x1F400)  # of the skin of the emoji before
_FLAGS: Final = range(0x1F1E6, 0x1F200)  # two of these letters are a flag

_PIECES = re.compile(r"[^\s-]*-+|[^\s-]+\s*|\s+")  # lines may end after a space or a hyphen


def one_line(text: str) -> str:
    """Return `text` on one line, without anything that a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return _HARMFUL.sub("", _BREAKS.sub(" ", text))


def visible(text: str) -> str:
    r"""Return `text` on one line, what is harmful in it written out (`\n`, `\x1b`)."""
    if text.isascii() and text.isprintable():
        return text
    text = _HARMFUL.sub(lambda match: _written_out(match[0]), text)
    return _BREAKS.sub(lambda match: _written_out(match[0]), text)


def is_blank(text: str) -> bool:
    """Tell whether there is nothing to see in `text`."""
    return all(unicodedata.category(one)[0] in "CZ" or one in _EMPTY for one in text)


def width_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def folded(text: str, width: int) -> list[str]:
    """Cut `text` into lines of at most `width` columns (2 or more), after words if it can be."""
    lines, line = [], ""
    for word in _PIECES.findall(text):
        if line and width_of(line + word.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += word
        while width_of(line.rstrip()) > width:
            head = _head(line, width)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def words(text: str) -> list[str]:
    """Cut `text` where a line may end."""
    return [word.rstrip() for word in _PIECES.findall(text)]


def letters(text: str) -> Iterator[str]:
    """Cut `text` into what is read as one letter or picture each, of several characters perhaps."""
    letter = ""
    for character in text:
        if letter and not _continues(letter, character):
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


def _continues(letter: str, character: str) -> bool:
    """Tell whether a character is read as one with those before it."""
    is_mark = unicodedata.category(character)[0] == "M" or not _columns(character)
    is_flag = len(letter) == 1 and ord(letter) in _FLAGS and ord(character) in _FLAGS
    return is_mark or is_flag or letter.endswith(_JOINER) or ord(character) in _TONES


def _written_out(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1


def _head(text: str, width: int) -> str:
    """Return as much of a text that is too wide as fits."""
    widths = accumulate(map(_columns, text))
    return text[: next(place for place, taken in enumerate(widths) if taken > width)]
