"""How long to wait before the next try."""

from __future__ import annotations

# Every cap has passed by then, and a float ends at 2.0**1024.
_MOST_DOUBLINGS = 60


def doubled(base: float, cap: float, failures: int) -> float:
    """Return the wait after so many failures in a row: `base` for none, `cap` at most."""
    return min(cap, base * 2.0 ** min(_MOST_DOUBLINGS, max(0, failures)))
