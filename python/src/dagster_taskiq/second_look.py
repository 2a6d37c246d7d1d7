"""When the executor reads the run's event log again, from further back.

PostgreSQL and MySQL number an event when it is written and show it when it is committed. So an
event may become visible after a later one of another process, behind the cursor of a reader.
Dagster's own reading never comes back to it. If it was the end of a step, its run would wait
forever. So everything is read twice more, once soon and once late.
"""

from __future__ import annotations

import time


class SecondLook:
    """Remembers where the reading stood, to go back there after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._from: str | None = None
        self._due_at = time.monotonic() + seconds

    @property
    def is_due(self) -> bool:
        """Whether `seconds` have passed since the last one."""
        return time.monotonic() >= self._due_at

    def go_back(self, cursor: str | None) -> str | None:
        """Give the cursor of the look before, for the present one: what lies between is read again.

        An event is found that became visible up to `seconds` after its successor.
        """
        earlier, self._from = self._from, cursor
        self._due_at = time.monotonic() + self._seconds
        return earlier
