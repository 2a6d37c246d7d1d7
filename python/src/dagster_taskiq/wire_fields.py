"""Reads one field of a decoded JSON object, or says what was expected and what stood there."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from typing import Any, NoReturn, TypeGuard

Fields = Mapping[str, Any]

# In UTF-8 bytes; core/step/step.ts says why. Workers refuse what is longer.
RUN_ID_BYTES = 255
STEP_KEY_BYTES = 2_000

# A year of 366 days.
LONGEST_DELAY_SECONDS = 31_622_400

# A 32-bit column of the ledger holds it.
_COUNT_LIMIT = 2**31
# The year 10000, which no calendar shows.
_INSTANT_LIMIT = 253_402_300_800
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
    raise ValueError(f"{constant} is not JSON")


def require(fields: Fields, name: str, expected: str, holds: bool) -> None:
    """Raise WireError that names the field, the expectation and the value, unless `holds`."""
    if not holds:
        got = _SHORT.repr(fields[name]) if name in fields else "nothing"
        raise WireError(f"{name}: expected {expected}, got {got}")


def run_id_field(fields: Fields) -> str:
    """Return a run id: a part of the ledger's key, and of a file's name in SQLite storages."""
    text = _name(fields, "run_id", RUN_ID_BYTES)
    require(fields, "run_id", "neither / nor \\", "/" not in text and "\\" not in text)
    return text


def step_key_field(fields: Fields) -> str:
    """Return a step key: a part of the ledger's key."""
    return _name(fields, "step_key", STEP_KEY_BYTES)


def require_names(run_id: str, step_key: str) -> None:
    """Raise WireError unless workers accept both names."""
    fields = {"run_id": run_id, "step_key": step_key}
    run_id_field(fields)
    step_key_field(fields)


def _name(fields: Fields, name: str, most_bytes: int) -> str:
    text = short_field(fields, name, most_bytes)
    require(fields, name, "no colon", ":" not in text)
    return text


def short_field(fields: Fields, name: str, most_bytes: int) -> str:
    """Return a text that is not empty, that every database holds, and that is this short."""
    value = fields.get(name)
    require(fields, name, "a non-empty string", isinstance(value, str) and value != "")
    text = str(value)
    storable = not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)
    require(fields, name, "neither NUL nor lone surrogates", storable)
    require(fields, name, f"at most {most_bytes} bytes", len(text.encode()) <= most_bytes)
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


def instant_field(fields: Fields, name: str) -> float | None:
    """Return Unix seconds before the year 10000, or None where there are none."""
    value = fields.get(name)
    expected = "Unix seconds before the year 10000, or null"
    holds = value is None or (is_number(value) and 0 <= value < _INSTANT_LIMIT)
    require(fields, name, expected, holds)
    return value


def texts_field(fields: Fields, name: str) -> Mapping[str, str]:
    """Return an object whose values are texts; absent means empty."""
    value = fields.get(name, {})
    require(fields, name, "an object of strings", isinstance(value, Mapping))
    texts = {key: text for key, text in value.items() if key not in _NO_NAMES}
    holds = all(isinstance(text, str) for text in texts.values())
    require(fields, name, "an object of strings", holds)
    return texts


def is_delay(value: object) -> TypeGuard[float]:
    """Return whether this is a number of seconds, from 0 to a year (JSON's true is not one)."""
    return is_number(value) and 0 <= value <= LONGEST_DELAY_SECONDS


def is_number(value: object) -> TypeGuard[float]:
    """Return whether JSON calls this a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
