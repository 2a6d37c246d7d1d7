"""What processes say to the host: kept, answered, or passed on to the worker.

User code may have said it: nothing in it is relied on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dagster_taskiq.host.boot_time import boot_time
from dagster_taskiq.host.errors import warn
from dagster_taskiq.host.frames import Broken, Frame

if TYPE_CHECKING:
    from dagster_taskiq.host.channel import Channel
    from dagster_taskiq.host.guard import Guard
    from dagster_taskiq.host.locations import Locations


class Hearing:
    """Takes in the frames of step processes."""

    def __init__(self, worker: Channel, locations: Locations) -> None:
        self._worker = worker
        self._locations = locations

    def catch_up(self, guard: Guard) -> None:
        """Take in what has arrived."""
        for frame in guard.process.channel.drain():
            self.take_in(guard, frame)

    def take_in(self, guard: Guard, frame: Frame | Broken) -> None:
        """Take in one frame. Raises OSError when the worker is gone."""
        process = guard.process
        if isinstance(frame, Broken):
            warn(f"not a frame, from process {process.pid}: {frame.line}")
        elif frame["type"] == "outcome" and isinstance(frame.get("outcome"), dict):
            process.outcome = frame["outcome"]
        elif frame["type"] == "origin" and isinstance(frame.get("origin"), str):
            location = frame.get("location")
            self._locations.want(frame["origin"], location if isinstance(location, str) else None)
        elif frame["type"] == "event":
            guard.watch.heard(boot_time())
        elif frame["type"] == "ask":
            self._ask(guard, frame.get("event"))
        elif frame["type"] == "capture":
            process.captured = {name: str(frame.get(name)) for name in ("stdout", "stderr")}
            guard.watch.captured(process.captured.values(), boot_time())
            self._worker.send({"type": "capture", "id": process.id, **process.captured})

    def _ask(self, guard: Guard, event: object) -> None:
        if guard.asks(event):
            self._worker.send({"type": "ask", "id": guard.process.id})
            return
        with contextlib.suppress(OSError):
            guard.process.channel.send({"type": "permit", "granted": False, "within_ms": None})
