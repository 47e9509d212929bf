"""What series are called: by what sets them apart, short enough for its place. Pure.

Names are made of titles, which strangers write: they become one short line each, and two may be
the same. They are text only; what a picture tells its series by is `Curve.place`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from harvester.charts.brevity import breadth, fits, short
from harvester.text import one_line
from harvester.wording import titled

Row: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[Any, ...]

LABELS: Final = ("game", "achievement", "user", "developer", "is_promoted", "is_hardcore")
DOT: Final = " · "
_IDS: Final = ("game_id", "achievement_id", "user_id")
_WORDS: Final = {
    ("is_promoted", False): "unofficial",
    ("is_hardcore", True): "hardcore",
    ("is_hardcore", False): "casual",
}
_HEAD: Final = 8  # columns


class Name(NamedTuple):
    """What sets a series apart: in words, and by ids, for words may be the same."""

    words: str
    ids: str = ""


def subjects_of(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    """Sort rows by what they are about; in each the order of time stays."""
    subjects: dict[Key, list[Row]] = {}
    for row in rows:
        key = tuple(row.get(name) for name in (*_IDS, *LABELS))
        subjects.setdefault(key, []).append(row)
    return subjects


def named(subjects: Collection[Key]) -> tuple[str, dict[Key, Name]]:
    """Tell what all subjects have in common, and for each what sets it apart."""
    told = {key: _told(key) for key in subjects}
    differing = [name for name in LABELS if len({own[name] for own in told.values()}) > 1]
    common = [name for name in LABELS if name not in differing]
    about = short(next((_joined(own, common) for own in told.values()), ""))
    ids = _ids(subjects)
    official = "official" if "is_promoted" in differing else ""
    names = [Name(_joined(own, differing) or official, ids[key]) for key, own in told.items()]
    whole = [Name(words, own.ids) for words, own in zip(labels(names), names, strict=True)]
    return about, dict(zip(subjects, whole, strict=True))


def _told(key: Key) -> dict[str, str]:
    """Say in words what a subject is."""
    row = dict(zip((*_IDS, *LABELS), key, strict=True))
    return {label: _word(label, row) for label in LABELS}


def _word(label: str, row: Row) -> str:
    value, own = row[label], row.get(f"{label}_id")
    if label.startswith("is_"):
        return _WORDS.get((label, value), "")
    return short(titled(value, label, own) if own is not None else value or "")


def _joined(told: Mapping[str, str], names: Collection[str]) -> str:
    return DOT.join(told[name] for name in names if told[name])


def _ids(subjects: Collection[Key]) -> dict[Key, str]:
    """Tell the ids that differ; of achievements not that of the game, too."""
    ids = {key: dict(zip(_IDS, key, strict=False)) for key in subjects}
    differing = [name for name in _IDS if len({own[name] for own in ids.values()}) > 1]
    if "achievement_id" in differing:
        differing = [name for name in differing if name != "game_id"]
    return {key: "/".join(str(own[name]) for name in differing) for key, own in ids.items()}


def labels(names: Sequence[Name], most: int | None = None) -> list[str]:
    """Shorten names to `most` columns; what would read the same, or is nothing, bears its ids.

    With its id one may read like what a stranger called another, which then bears its own, too.
    """
    told = [fitted(name.words, most) for name in names]
    bearing: set[int] = set()
    while more := _alike(told) - bearing:
        bearing |= more
        told = [
            _with_ids(name, most) if place in bearing else words
            for place, (name, words) in enumerate(zip(names, told, strict=True))
        ]
    return told


def _alike(told: Sequence[str]) -> set[int]:
    """Tell the places of what reads like another, or is nothing."""
    read = [" ".join(one_line(words).split()) for words in told]
    times = Counter(read)
    return {place for place, words in enumerate(read) if not words or times[words] > 1}


def _with_ids(name: Name, most: int | None) -> str:
    """Add the ids; where they leave no room for words they stand alone."""
    ids = f"({name.ids})" if name.ids else ""
    if most is None or not ids:
        return f"{fitted(name.words, most)} {ids}".strip()
    room = most - len(ids) - 1
    return f"{fitted(name.words, room)} {ids}".strip() if room > 0 else short(ids, most)


def fitted(name: str, most: int | None) -> str:
    """Return a name of at most `most` columns; what sets it apart, its last part, comes first.

    Of what comes before it, a few letters stay.
    """
    head, dot, last = name.rpartition(DOT)
    if most is None or fits(name, most):
        return name
    if not dot or most < 2 * _HEAD:
        return short(name, most)
    own = short(last, most - _HEAD - len(dot))
    return f"{fitted(head, most - breadth(own) - len(dot))}{dot}{own}"
