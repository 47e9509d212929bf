"""How much of a text a picture has room for, and text cut to that. Pure.

All is cut here: Vega cuts in the middle of characters beyond U+FFFF, and of what is left vl-convert
can make no picture.
"""

import re
from typing import Final

from harvester.text import letters, one_line, width_of

LONGEST: Final = 60  # columns
_BROAD: Final = re.compile(  # each is drawn as broad as a word or a sentence
    "[\u0bf5\u0bf8\u102a\u2e3a\u2e3b\ua9c4\ua9c5\ufdfa\ufdfb\ufdfd\U00012000-\U0001254f]"
)
_SENTENCE: Final = 20  # columns
_MARKS: Final = 4  # characters in each column at most: letters with more on them are no writing


def breadth(text: str) -> int:
    """Estimate how broad `text` is drawn, in columns: a half of what a Chinese letter takes."""
    return width_of(text) + _SENTENCE * len(_BROAD.findall(text))


def fits(text: str, most: int) -> bool:
    """Tell whether `text` has room in `most` columns."""
    return len(text) <= most * _MARKS and breadth(text) <= most


def short(text: str, most: int = LONGEST) -> str:
    """Return `text` on one line of at most `most` columns."""
    line = one_line(text).strip()
    return line if fits(line, most) else f"{_begin(line, most - 1).rstrip()}…"


def _begin(line: str, most: int) -> str:
    begin = ""
    for letter in letters(line):
        if not fits(begin + letter, most):
            return begin
        begin += letter
    return begin
