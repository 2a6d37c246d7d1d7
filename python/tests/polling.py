"""The one place where tests wait for a fact."""

import time
from collections.abc import Callable


def poll_until(holds: Callable[[], bool], timeout_seconds: float = 180) -> None:
    """Return once `holds()`. Fails when that takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < deadline, f"did not hold within {timeout_seconds} s"
        time.sleep(0.02)
