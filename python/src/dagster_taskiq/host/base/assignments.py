"""Orders that the base does not fork itself: held, or passed on to a location host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dagster_taskiq.host.wire.frames import Frame

if TYPE_CHECKING:
    from dagster_taskiq.host.base.links import Link
    from dagster_taskiq.host.code.sources import RunCode

# Every wait occupies a slot of the worker's, which other locations could use.
PATIENCE_SECONDS = 30.0


class Order:
    """One piece of work, from the worker's frame to the frame `exited`. Times are boot time."""

    def __init__(self, frame: Frame, run_id: str, until: float, now: float) -> None:
        self.id: str = frame["id"]
        self.run_id = run_id
        self.frame = frame
        self.until = until
        """How long it may live."""
        self.patient_until = now + PATIENCE_SECONDS
        self.code: RunCode | None = None
        self.link: Link | None = None
        """The location host that has it. None while it is held."""
        self.started = False
        self.passed: set[str] = set()
        """Which frames about it were passed on to the worker, each type once."""
        self.lacks_code = False
        """Whether its location's code, as it was imported, lacks its step."""
        self.killed = False
        """Whether the worker asked for its end."""
        self.restarts = 0
        """How many location hosts ended before they started it."""

    @property
    def told(self) -> bool:
        """Whether its outcome is known to the worker."""
        return "outcome" in self.passed

    def prolong(self, until: float) -> None:
        """Let it live until then; a term only grows."""
        self.until = until if math.isinf(self.until) else max(self.until, until)

    def awaits(self, run_id: str) -> bool:
        """Tell whether it is held until it is known where this run's code is."""
        return self.run_id == run_id and self.code is None

    def wakes_at(self) -> float:
        """Return when to look at it again. Once it is passed on, its location host does."""
        return min(self.until, self.patient_until) if self.link is None else math.inf
