"""The clock of every deadline: it counts on while the machine sleeps, as leases do."""

from __future__ import annotations

import time

# macOS has none by that name, but its monotonic clock counts sleep.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Return seconds since some fixed instant; a suspended deadline must pass."""
    return time.clock_gettime(_CLOCK)
