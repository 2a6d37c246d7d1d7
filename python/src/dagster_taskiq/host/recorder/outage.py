"""How long a database may be away before the steps that wait for it fail. Pure."""

from __future__ import annotations

import math

# About as long as Dagster itself tries to connect.
_PATIENCE_SECONDS = 15.0
_PAUSE_SECONDS = 0.5


class Outage:
    """Counts from the first failure to connect. Times are boot time."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._retry_at = -math.inf

    @property
    def retry_at(self) -> float:
        """When to connect again."""
        return self._retry_at

    def end(self) -> None:
        """Note that there was a connection."""
        self._since, self._retry_at = None, -math.inf

    def goes_on(self, now: float) -> bool:
        """Note that there was none. Return whether to try again, and to keep what waits."""
        self._since = now if self._since is None else self._since
        self._retry_at = now + _PAUSE_SECONDS
        return now - self._since < _PATIENCE_SECONDS
