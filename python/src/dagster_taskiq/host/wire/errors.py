"""Errors as the worker stores them, from Python exceptions and from Dagster's own records."""

from __future__ import annotations

import re
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster_taskiq.host.wire.frames import ErrorInfo

if TYPE_CHECKING:
    from dagster_taskiq.dagster_internals.shared import SerializableErrorInfo

LONGEST_TRACEBACK = 64 * 1024
_LONGEST_MESSAGE = 8 * 1024
# With every character escaped still less than a pipe takes at once (PIPE_BUF).
_LONGEST_LINE = 600
_CUT = "\n[... cut ...]\n"


def error_info(name: str, message: str, traceback: str = "") -> ErrorInfo:
    """Build the wire form; long texts lose their middle, where they say least."""
    return {
        "class": name,
        "message": cut_middle(message, _LONGEST_MESSAGE),
        "traceback": cut_middle(traceback, LONGEST_TRACEBACK),
    }


def error_from(error: BaseException) -> ErrorInfo:
    """Describe a caught exception, its chain of causes included."""
    import traceback

    text = "".join(traceback.format_exception(error))
    return error_info(type(error).__name__, str(error), text)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and what it was raised from, or while handling, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def error_from_record(error: SerializableErrorInfo) -> ErrorInfo:
    """Describe an error as Dagster recorded it; class and message are those of the user's own."""
    shown = _innermost(error)
    return error_info(shown.cls_name or "Error", _bare_message(shown), error.to_string())


def cut_middle(text: str, limit: int) -> str:
    """Return at most `limit` bytes of UTF-8, the first and the last of `text`."""
    raw = text.encode(errors="replace")
    if len(raw) <= limit:
        return raw.decode()
    half = (limit - len(_CUT)) // 2
    return raw[:half].decode(errors="ignore") + _CUT + raw[-half:].decode(errors="ignore")


def _innermost(error: SerializableErrorInfo) -> SerializableErrorInfo:
    # Dagster wraps what an op, a resource or an IO manager raises, once or twice.
    while error.cause and re.match(r"Dagster|RetryRequested", error.cls_name or ""):
        error = error.cause
    return error


def _bare_message(error: SerializableErrorInfo) -> str:
    """Strip `module.Class: `, which Python's formatting puts before the message."""
    prefix = rf"(?:[\w.]+\.)?{re.escape(error.cls_name or '')}(?:: |$)"
    return re.sub(rf"\A{prefix}", "", error.message.strip())


def warn(text: str) -> None:
    """Say something in one line of the worker's log; without waiting for anyone to read it."""
    line = f"taskiq host: {shown(text)}\n"
    try:
        # The host must not wait for a worker that stands still: a full pipe loses the line.
        if select.select([], [sys.stderr], [], 0)[1]:
            sys.stderr.write(line)
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def shown(text: str) -> str:
    """Return text from outside as it may stand in a line: short, and nothing steers a terminal."""
    short = text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
    return "".join(c if c.isprintable() else _escaped(c) for c in short)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
