"""Checks a decoded answer against a payload, and says in one line what is wrong with it."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from harvester.errors import Invalid

P = TypeVar("P")

_PROBLEMS: Final = {
    "missing": "is missing",
    "too_long": "has too many entries",
    "dataclass_type": "must be an object",
    "tuple_type": "must be a list",
}
_LONGEST_SHOWN = 60
_ADAPTERS: dict[type[object], TypeAdapter[Any]] = {}


def read_as(kind: type[P], decoded: object) -> P:
    """Read an answer as one kind of payload; `Invalid` names the first field amiss."""
    try:
        return _adapter(kind).validate_python(decoded)
    except ValidationError as trouble:
        reason = _reason(trouble)
    raise Invalid(reason)  # outside, so that no traceback drags the answer along


def same(field: str, found: int, asked: int) -> None:
    """Raise `Invalid` for an answer about something else than what was asked."""
    if found != asked:
        raise Invalid(f"{field}: asked about {asked}, told about {found}")


def limit(field: str, found: Sequence[object] | None, count: int) -> None:
    """Raise `Invalid` where a list was asked for and is missing, or is too long."""
    if found is None:
        raise Invalid(f"{field}: is missing")
    if len(found) > count:
        raise Invalid(f"{field}: {len(found)} entries, where {count} were asked for")


def _adapter(kind: type[P]) -> TypeAdapter[P]:
    """Build the reader of a kind when it is first needed, which takes a while."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _reason(trouble: ValidationError) -> str:
    """Tell the first thing that is wrong: where, what, and what was there."""
    first = trouble.errors(include_url=False)[0]
    problem = _PROBLEMS.get(first["type"], first["msg"].removeprefix("Value error, "))
    shown = "" if first["type"] in ("missing", "too_long") else f", not {_shown(first['input'])}"
    return f"{_place(first['loc'])}: {problem}{shown}"


def _place(loc: Sequence[int | str]) -> str:
    """Name a field as RA does, without pydantic's labels for alternatives."""
    parts = [str(part) for part in loc if part != "game" and "[" not in str(part)]
    return ".".join(parts) or "the answer"


def _shown(value: object) -> str:
    """Show a value that made no sense on one line, shortened, in plain ASCII."""
    shown = ascii(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 3]}..."
