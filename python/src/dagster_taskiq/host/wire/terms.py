"""Terms: until when a process may live. Times are seconds of boot time, infinity is no term."""

from __future__ import annotations

import math

from dagster_taskiq.host.wire.frames import Frame


def term_end(frame: Frame, since: float) -> float:
    """Return until when the frame lets its process live; `within_ms` counts from `since`."""
    within_ms = frame.get("within_ms")
    return math.inf if within_ms is None else since + within_ms / 1000


def passed_on(frame: Frame, until: float) -> Frame:
    """Give a frame its term as a moment: a location host reads it later than the base."""
    return {**frame, "until": None if math.isinf(until) else until}


def passed_term(frame: Frame) -> float:
    """Read what `passed_on` wrote."""
    until = frame.get("until")
    return math.inf if until is None else float(until)
