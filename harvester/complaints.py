"""What is wrong with a configuration, in words: the key, the value, and what is allowed.

Secrets are never shown, not even refused ones.
"""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from harvester.settings import Settings
from harvester.values import shown_url

Place = tuple[str | int, ...]

_SECRETS: set[Place] = {("api", "key")}
_URLS: set[Place] = {("api", "base_url"), ("database", "url")}
_SHOWN_LENGTH = 80


def told(error: ValidationError, overrides: Mapping[Place, str]) -> str:
    """Return all that is wrong as one line; `overrides` names the variables that set a key."""
    return "; ".join(_complaint(detail, overrides) for detail in error.errors())


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by the keys that they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _complaint(detail: ErrorDetails, overrides: Mapping[Place, str]) -> str:
    place = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _unknown_key(place)
    if detail["type"] == "missing":
        return f"{_dotted(place)} is missing: must be {_allowed(place)}"
    name = overrides.get(place) or _dotted(place)
    return f"{name}{_shown(place, detail['input'])}: {_reason(detail)}"


def _unknown_key(place: Place) -> str:
    known = keys_of(_model_at(place[:-1]) or Settings)
    near = get_close_matches(str(place[-1]), known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"known keys: {', '.join(known)}"
    return f"unknown key {_dotted(place)}, {hint}"


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return f"must be {_allowed(detail['loc'])}"


def _allowed(place: Place) -> str:
    field = _field_at(place)
    return (field and field.description) or "a table"


def _shown(place: Place, value: object) -> str:
    if place in _SECRETS or isinstance(value, dict | list):
        return ""
    if place in _URLS and isinstance(value, str):
        value = shown_url(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = text if text.isprintable() else json.dumps(value)
    return f" = {text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + '…'}"


def _dotted(place: Place) -> str:
    return "".join(map(_step, place)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f".{json.dumps(part)}"


def _field_at(place: Place) -> FieldInfo | None:
    model: type[BaseModel] | None = Settings
    field = None
    for key in (part for part in place if isinstance(part, str)):
        field = keys_of(model).get(key) if model else field
        model = field and _model_in(field)
    return field


def _model_at(place: Place) -> type[BaseModel] | None:
    field = _field_at(place)
    return field and _model_in(field)


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    inner = (field.annotation, *get_args(field.annotation))
    return next((one for one in inner if _is_model(one)), None)


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
