"""Terms: until when a process may live. Times are seconds of boot time, and infinity means none."""

from __future__ import annotations

import math


def term_of_ms(within_ms: float | None) -> float:
    """Return for how many seconds a worker lets a process live. `None` means without end."""
    return math.inf if within_ms is None else within_ms / 1000


def prolonged(term: float, until: float) -> float:
    """Return the term of a process that may live until then. A term only grows.

    A process that had none gets this one.
    """
    return until if math.isinf(term) else max(term, until)


def moment_of(until: float) -> float | None:
    """Return a term as a frame between processes of this machine carries it.

    It is a moment of the boot-time clock, because the other process may read it late.
    """
    return None if math.isinf(until) else until


def term_of(moment: float | None) -> float:
    """Return the term that `moment_of` wrote."""
    return math.inf if moment is None else float(moment)
