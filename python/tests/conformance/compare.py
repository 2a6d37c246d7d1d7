"""Compares two logs so that a difference can be read."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def differences(expected: Mapping[str, Sequence[Any]], got: Mapping[str, Sequence[Any]]) -> str:
    """Return by step what differs, line by line; empty when nothing does."""
    lines: list[str] = []
    for step in sorted({*expected, *got}):
        before, after = _lines(expected.get(step, ())), _lines(got.get(step, ()))
        if before != after:
            lines.append(f"step {step or '(none)'}:")
            lines.extend(
                difflib.unified_diff(before, after, "multiprocess", "queue", "", "", 2, "")
            )
    return "\n".join(lines)


def _lines(entries: Sequence[Any]) -> list[str]:
    return [
        line
        for entry in entries
        for line in json.dumps(entry, indent=1, ensure_ascii=False, default=str).splitlines()
    ]
