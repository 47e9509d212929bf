"""The forms in which RA has sent a value, and the one form in which we keep it.

Each name below is an annotation for one field of a payload: tolerant in form ("3005"
for 3005, 1 for true), strict in meaning (an id of -3 is refused). What a function here
raises (`ValueError`) becomes the reason why the whole answer is invalid.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import AliasChoices, AliasPath, Field, GetCoreSchemaHandler, PlainValidator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

LARGEST: Final = 2**53  # beyond it a JSON number is no longer exact everywhere

T = TypeVar("T")


class Untold(Enum):
    """What a field holds that the answer did not have at all; null is None instead."""

    UNTOLD = "untold"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type["Untold"], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let no word of an answer pass for the sentinel, as an enum's value would."""
        return core_schema.is_instance_schema(cls)

    def __repr__(self) -> str:
        """Read like the name under which it is imported."""
        return self.name


UNTOLD: Final = Untold.UNTOLD
Told: TypeAlias = T | Untold


def called(*names: str | AliasPath) -> FieldInfo:
    """Name the keys (first found counts) under which an answer carries a field."""
    field: FieldInfo = Field(validation_alias=AliasChoices(*names))
    return field


def told(**values: object) -> dict[str, object]:
    """Leave out what the answer did not tell, so that its column keeps its value."""
    return {name: value for name, value in values.items() if value is not UNTOLD}


# --- numbers ---------------------------------------------------------------------------

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_PERCENT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?%?")


def _as_int(value: object) -> int | None:
    """Read a number that may have come as text (before 2023-02 nearly all did)."""
    if type(value) is int:  # a bool is an int, too, but no number
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def whole(least: int) -> Callable[[object], int]:
    """Make a reader of whole numbers from `least` to 2^53."""

    def read(value: object) -> int:
        number = _as_int(value)
        if number is None or not least <= number <= LARGEST:
            raise ValueError(f"must be a whole number from {least} to 2^53")
        return number

    return read


_read_id = whole(1)


def no_id(value: object) -> int | None:
    """Read an id for which RA says null, or said 0 or "", where there is nothing."""
    return None if value in (None, "", 0, "0") else _read_id(value)


def flag(value: object) -> bool:
    """Read a yes or no that comes as 0/1, as text, or as a boolean."""
    if value in (0, "0"):
        return False
    if value in (1, "1"):
        return True
    raise ValueError("must be 0 or 1")


def fraction(value: object) -> float:
    """Read "97.22%" as 0.9722; counters that lag behind a revision may exceed 100 %."""
    match = _PERCENT.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None:
        raise ValueError('must be a percentage such as "97.22%"')
    return min(1.0, round(float(match[1]) / 100, 9))


Id = Annotated[int, PlainValidator(_read_id)]
NoId = Annotated[int | None, PlainValidator(no_id)]
Count = Annotated[int, PlainValidator(whole(0))]
Position = Annotated[int, PlainValidator(whole(-LARGEST))]
Flag = Annotated[bool, PlainValidator(flag)]
Fraction = Annotated[float, PlainValidator(fraction)]


# --- text ------------------------------------------------------------------------------

# Control characters and lone surrogates cannot be stored everywhere, and mean nothing.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNPRINTABLE_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ULID = re.compile(r"[0-9A-Za-z]{26}")


def text(longest: int, *, is_lines: bool = False) -> Callable[[object], str]:
    """Make a reader of text cut at `longest`; `is_lines` keeps line ends and tabs."""
    unprintable = _UNPRINTABLE_IN_LINES if is_lines else _UNPRINTABLE

    def read(value: object) -> str:
        if type(value) is int:  # a game called 1942, a badge called 85541
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("must be text")  # noqa: TRY004 - pydantic turns a ValueError into its own
        return unprintable.sub("", value)[:longest]

    return read


_read_name = text(100)


def name(value: object) -> str:
    """Read a name that has to be there."""
    if not (found := _read_name(value)):
        raise ValueError("must not be empty")
    return found


def no_name(value: object) -> str | None:
    """Read a name, or None for nobody."""
    return None if value is None else _read_name(value) or None


def ulid(value: object) -> str | None:
    """Read RA's stable id of a user, in capitals; None (or "") where there is none."""
    if value in (None, ""):
        return None
    if isinstance(value, str) and _ULID.fullmatch(value):
        return value.upper()
    raise ValueError("must be a ULID of 26 letters and digits")


def is_ulid(user: str) -> bool:
    """Whether a user is given by ULID rather than by name (2 to 20 characters)."""
    return _ULID.fullmatch(user) is not None


Title = Annotated[str, PlainValidator(text(255))]
Path = Annotated[str, PlainValidator(text(255))]
Description = Annotated[str, PlainValidator(text(1000, is_lines=True))]
Notes = Annotated[str, PlainValidator(text(10_000, is_lines=True))]
Word = Annotated[str, PlainValidator(text(100))]
Name = Annotated[str, PlainValidator(name)]
NoName = Annotated[str | None, PlainValidator(no_name)]
Ulid = Annotated[str | None, PlainValidator(ulid)]


# --- time ------------------------------------------------------------------------------

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_FIRST_YEAR, _LAST_YEAR = 2000, 2100  # RA began in 2012; a column full of 1970 is a fault
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_WRITTEN = re.compile(r"([A-Za-z]+)\.? ([0-9]{1,2}),? ([0-9]{4})")
_YEAR = re.compile(r"[0-9]{4}")
_FIRST_RELEASE = 1940


def instant(value: object) -> datetime:
    """Read an instant in any of RA's forms, in UTC to the second.

    "2016-03-12 17:47:29", "2023-10-27T00:19:05.000000Z", "2024-04-23T21:28:49+00:00" and
    "2024-04-23" are all UTC unless they say otherwise.
    """
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an instant such as 2016-03-12 17:47:29")
    moment = datetime.fromisoformat(value)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"must lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).replace(microsecond=0)


def release_day(value: object) -> date | None:
    """Read when a game came out; None where nothing can be made of it.

    Until 2024-08-16 this was free text ("November 20, 1990", "1980", ""), which says
    too little to make a whole answer invalid.
    """
    found = next(filter(None, _release_days(str(value).strip())), None)
    return found if found and _FIRST_RELEASE <= found.year <= _LAST_YEAR else None


def is_only_year(value: object) -> bool:
    """Whether a release date is a bare year, whose day and month are filler."""
    return bool(_YEAR.fullmatch(str(value).strip()))


def _release_days(words: str) -> Iterator[date | None]:
    if _INSTANT.fullmatch(words):
        yield _day(*map(int, words[:10].split("-")))
    if _YEAR.fullmatch(words):
        yield _day(int(words), 1, 1)
    if match := _WRITTEN.fullmatch(words):
        yield _day(int(match[3]), _month(match[1]), int(match[2]))


def _month(word: str) -> int:
    """Give the number of a month from its English name or at least three letters of it; else 0."""
    short = word.lower()
    return next((n for n, m in enumerate(_MONTHS, 1) if m.startswith(short) and short[2:]), 0)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:  # 30 February, month 0
        return None


Instant = Annotated[datetime, PlainValidator(instant)]
ReleaseDay = Annotated[date | None, PlainValidator(release_day)]


# --- lists and maps --------------------------------------------------------------------

MOST_ENTRIES: Final = 10_000


def listed(value: object) -> object:
    """Take a list that lost its shape: PHP sends one with a gap as {"0": …, "2": …}."""
    if isinstance(value, dict) and all(isinstance(k, str) and k.isdecimal() for k in value):
        return list(value.values())
    return value


def mapped(value: object) -> dict[str, object]:
    """Take a map, which PHP sends as [] (and once sent as null) when it is empty."""
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise ValueError("must be an object")  # noqa: TRY004 - pydantic turns a ValueError into its own
    if len(value) > MOST_ENTRIES:
        raise ValueError(f"must have at most {MOST_ENTRIES} entries")
    return value


def keyed_by(key: str) -> Callable[[object], list[object]]:
    """Make a reader of maps whose every entry repeats its own key under `key`."""

    def read(value: object) -> list[object]:
        entries = mapped(value)
        for name_of, entry in entries.items():
            if not isinstance(entry, dict) or str(entry.get(key)) != name_of:
                raise ValueError(f"has under {name_of[:20]!r} what is not about it")
        return list(entries.values())

    return read


def buckets(value: object) -> dict[int, int]:
    """Read numbers under "1" … "N", every one of which must be there."""
    read = whole(0)
    found = {_read_id(key): read(players) for key, players in mapped(value).items()}
    if sorted(found) != list(range(1, len(found) + 1)):
        raise ValueError("must count for every number from 1 on")
    return found
