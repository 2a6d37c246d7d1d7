"""The frame `ready`: says that steps may be sent, once the code is imported, or most of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dagster_taskiq.host.base.locations import Is, Location
from dagster_taskiq.host.wire.errors import error_info

if TYPE_CHECKING:
    from dagster_taskiq.host.wire.frames import Frame

# A location that hangs at import does not keep the others from beginning.
_OTHERS_SECONDS = 10.0


class Greeting:
    """Waits for the locations of the flags. `ready` makes the frame from what each has come to."""

    def __init__(
        self,
        locations: Sequence[Location],
        ready: Callable[[Sequence[Frame]], Frame],
        now: float,
    ) -> None:
        self._locations = locations
        self._ready = ready
        self._late_at = now + _OTHERS_SECONDS
        self._is_sent = False

    def wakes_at(self) -> float:
        """Return when the locations that are imported wait no longer for the others."""
        return math.inf if self._is_sent else self._late_at

    def due(self, now: float) -> Frame | None:
        """Return the frame when it is due, and only once."""
        if self._is_sent or not self._is_due(now):
            return None
        self._is_sent = True
        for each in self._locations:
            if not each.is_settled:
                each.note_delay(error_info("StillImporting", "it is still being imported"))
        return self._ready([each.summary for each in self._locations])

    def _is_due(self, now: float) -> bool:
        if all(each.is_settled for each in self._locations):
            return True
        return now >= self._late_at and any(each.state is Is.READY for each in self._locations)
