"""The frames between worker and step host, as JSON lines, one object a line.

Standard library only, because `fatal` must be sendable when Dagster cannot be imported.
ARCHITECTURE.md lists the frames, and fixtures/frames has golden ones for both languages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from dagster_taskiq.wire_fields import read_json

PROTOCOL = 1

# An envelope is at most 1 MiB. A longer text without a newline is not a frame.
LONGEST_LINE = 16 * 1024 * 1024
# From a step's process to the recorder: events hold metadata of any size.
LONGEST_LINE_OF_STEP = 64 * 1024 * 1024
_SHOWN_BYTES = 200

Frame = Mapping[str, Any]

# Functional form, because "class" is not an identifier.
ErrorInfo = TypedDict("ErrorInfo", {"class": str, "message": str, "traceback": str})
"""What failed: bare class name, message, and a traceback of at most 64 KiB."""


State = Literal[
    "success",
    "failure",
    "up_for_retry",
    "resource_init_failure",
    "run_over",
    "reported",
    "parked",
]


class ExecutionResult(TypedDict):
    """How an attempt ended, as the ledger keeps it. Times are Unix seconds."""

    state: State
    output: Mapping[str, list[str]] | None
    error: ErrorInfo | None
    started_at: float
    completed_at: float
    execution_time_seconds: float


@dataclass(frozen=True)
class Broken:
    """A line that is not a frame, cut short for the log."""

    line: str


class FrameReader:
    """Cuts a byte stream into frames; keeps the partial line for the next call."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._partial = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[Frame | Broken]:
        """Yield what `data` completes. Lines that are not a JSON object with a `type` are Broken.

        So is a line longer than `longest` bytes. Its rest is skipped up to the newline.
        """
        first, *others = data.split(b"\n")
        yield from self._keep(first)
        for other in others:
            line = bytes(self._partial)
            self._partial.clear()
            self._skipping = False
            if line.strip():
                yield decode(line)
            yield from self._keep(other)

    def _keep(self, piece: bytes) -> Iterator[Broken]:
        if self._skipping:
            return
        self._partial += piece
        if len(self._partial) > self._longest:
            self._skipping = True
            yield _broken(bytes(self._partial[:_SHOWN_BYTES]))
            self._partial.clear()


def decode(line: bytes) -> Frame | Broken:
    """Read one line without its newline."""
    try:
        frame = read_json(line.decode())
    except (ValueError, RecursionError):
        return _broken(line)
    if isinstance(frame, dict) and isinstance(frame.get("type"), str):
        return frame
    return _broken(line)


def encode(frame: Frame) -> bytes:
    """Return the line with its newline; ASCII, so lone surrogates of user texts survive."""
    return json.dumps(frame, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _broken(line: bytes) -> Broken:
    return Broken(line[:_SHOWN_BYTES].decode(errors="backslashreplace"))
