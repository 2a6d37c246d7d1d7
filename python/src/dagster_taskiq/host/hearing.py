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
            guard.told(frame["outcome"], boot_time())
        elif frame["type"] == "origin" and isinstance(frame.get("origin"), str):
            location = frame.get("location")
            self._locations.want(frame["origin"], location if isinstance(location, str) else None)
        elif frame["type"] == "event":
            guard.watch.heard(boot_time())
        elif frame["type"] == "ask":
            self._ask(guard, frame.get("event"))
        elif frame["type"] == "capture":
            self._capture(guard, {name: frame.get(name) for name in ("stdout", "stderr")})

    def tell_outcome(self, guard: Guard) -> None:
        """Pass on the last outcome, once the process has ended. Raises OSError as above."""
        told = guard.outcome
        if told is None:
            return
        process = guard.process
        try:
            self._worker.send({"type": "outcome", "id": process.id, "outcome": told})
        except (ValueError, RecursionError) as error:  # JSON reads more than it can write
            warn(f"the outcome of process {process.pid} cannot be passed on: {error!r}")

    def _capture(self, guard: Guard, paths: dict[str, object]) -> None:
        captured = {name: path for name, path in paths.items() if isinstance(path, str)}
        if len(captured) < len(paths):
            return
        process = guard.process
        process.captured = captured
        guard.watch.captured(captured.values(), boot_time())
        self._worker.send({"type": "capture", "id": process.id, **captured})

    def _ask(self, guard: Guard, event: object) -> None:
        if guard.asks(event):
            self._worker.send({"type": "ask", "id": guard.process.id})
            return
        with contextlib.suppress(OSError):
            guard.process.channel.send({"type": "permit", "granted": False, "within_ms": None})
