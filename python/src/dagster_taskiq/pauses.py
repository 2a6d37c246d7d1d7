"""Decides how long the run worker waits between two looks at its run's event log.

A look finds the end of a step at most one pause late. So a pause is short after an event, and grows
while nothing happens. Where Dagster's storage sends notifications, each ends the pause, and fewer
looks are needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dagster_taskiq.notifications import RunNotifications

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How pauses grow with the time since the last event."""

    shortest: float
    share: float
    """A pause is at most this share of that time, so a step's end is seen that much late."""
    rest: float
    """A pause is at least so many times as long as a look, which bounds the load on the storage."""

    def pause(self, quiet: float, look: float, longest: float) -> float:
        """Return seconds to wait, after so many quiet ones and a look that took so many."""
        return min(longest, max(self.shortest, self.share * quiet, self.rest * look))


POLLING = Pace(shortest=0.02, share=0.1, rest=4.0)
# The looks that remain find what no event announces: retries that are due, free slots of a pool.
LISTENING = Pace(shortest=0.25, share=1.0, rest=4.0)


class Pauses:
    """Waits between looks, no longer than `longest` seconds."""

    def __init__(self, longest: float, notifications: RunNotifications | None = None) -> None:
        self.longest = longest
        self._notifications = notifications
        self._look_seconds = 0.0
        self._last_event_at = time.monotonic()

    def look(self, look: Callable[[], T]) -> T:
        """Return what `look` finds. After a notification it uses the connection that has it."""
        heard = self._notifications
        return look() if heard is None else heard.look(look)

    def looked(self, began_at: float, *, found: bool) -> None:
        """Note a look that has just ended, and whether it found an event."""
        now = time.monotonic()
        self._look_seconds = now - began_at
        if found:
            self._last_event_at = now
            if self._notifications is not None:
                self._notifications.found_events()

    def wait(self) -> None:
        """Wait for the next look to be due, or for a notification."""
        notifications = self._notifications
        pace = LISTENING if notifications is not None and notifications.arrive else POLLING
        quiet = time.monotonic() - self._last_event_at
        seconds = pace.pause(quiet, self._look_seconds, self.longest)
        if notifications is None:
            time.sleep(seconds)
        else:
            notifications.wait(seconds)
