"""Reads one field of a decoded JSON object, or says what was expected and what stood there."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from typing import Any, NoReturn, TypeGuard

Fields = Mapping[str, Any]

# A 32-bit column of the ledger holds it.
_COUNT_LIMIT = 2**31
# What JavaScript knows as parts of every object; the worker leaves them out of what it reads.
_NO_NAMES = frozenset({"__proto__", "constructor", "prototype"})

# A value that is wrong may be a MiB long, and nested as deep.
_SHORT = reprlib.Repr()
_SHORT.maxstring = 100


class WireError(ValueError):
    """A field is missing or is not what the contract says."""


def read_json(text: str) -> Any:
    """Return what a text says in JSON, and in nothing more. Raises ValueError, RecursionError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def require(fields: Fields, name: str, expected: str, holds: bool) -> None:
    """Raise WireError that names the field, the expectation and the value, unless `holds`."""
    if not holds:
        got = _SHORT.repr(fields[name]) if name in fields else "nothing"
        raise WireError(f"{name}: expected {expected}, got {got}")


def name_field(fields: Fields, name: str) -> str:
    """Return a text that is not empty and that every database can hold: it becomes a key."""
    value = fields.get(name)
    require(fields, name, "a non-empty string", isinstance(value, str) and value != "")
    text = str(value)
    storable = not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)
    require(fields, name, "neither NUL nor lone surrogates", storable)
    return text


def text_field(fields: Fields, name: str) -> str | None:
    """Return a text, or None where there is none."""
    value = fields.get(name)
    require(fields, name, "a string or null", value is None or isinstance(value, str))
    return value


def count_field(fields: Fields, name: str) -> int:
    """Return a whole number from 0 to 2147483647; JSON's 1.0 is one."""
    value = fields.get(name)
    whole = is_number(value) and 0 <= value < _COUNT_LIMIT and value == int(value)
    require(fields, name, "a whole number from 0 to 2147483647", whole)
    return int(value or 0)


def seconds_field(fields: Fields, name: str) -> float | None:
    """Return a number of seconds, or None where there is none."""
    value = fields.get(name)
    expected = "a number of seconds, 0 or more, or null"
    require(fields, name, expected, value is None or is_seconds(value))
    return value


def texts_field(fields: Fields, name: str) -> Mapping[str, str]:
    """Return an object whose values are texts; absent means empty."""
    value = fields.get(name, {})
    require(fields, name, "an object of strings", isinstance(value, Mapping))
    texts = {key: text for key, text in value.items() if key not in _NO_NAMES}
    holds = all(isinstance(text, str) for text in texts.values())
    require(fields, name, "an object of strings", holds)
    return texts


def is_seconds(value: object) -> TypeGuard[float]:
    """Tell whether this is a number, 0 or more, that a double holds (JSON's true is not one)."""
    if not is_number(value):
        return False
    try:
        return 0 <= float(value) < float("inf")
    except OverflowError:
        return False


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether JSON calls this a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
