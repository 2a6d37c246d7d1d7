"""Reads one field of a decoded JSON object, or says what was expected and what stood there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

Fields = Mapping[str, Any]


class WireError(ValueError):
    """A field is missing or is not what the contract says."""


def require(fields: Fields, name: str, expected: str, holds: bool) -> None:
    """Raise WireError that names the field, the expectation and the value, unless `holds`."""
    if not holds:
        got = repr(fields[name]) if name in fields else "nothing"
        raise WireError(f"{name}: expected {expected}, got {got}")


def name_field(fields: Fields, name: str) -> str:
    """Return a text that must not be empty."""
    value = fields.get(name)
    require(fields, name, "a non-empty string", isinstance(value, str) and value != "")
    return str(value)


def text_field(fields: Fields, name: str) -> str | None:
    """Return a text, or None where there is none."""
    value = fields.get(name)
    require(fields, name, "a string or null", value is None or isinstance(value, str))
    return value


def count_field(fields: Fields, name: str) -> int:
    """Return a whole number, 0 or more."""
    value = fields.get(name)
    require(fields, name, "a whole number, 0 or more", type(value) is int and value >= 0)
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
    holds = isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
    require(fields, name, "an object of strings", holds)
    return dict(value)


def is_seconds(value: object) -> TypeGuard[float]:
    """Tell whether this is a finite number, 0 or more (JSON's true is not one)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value < float("inf")
