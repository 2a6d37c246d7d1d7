"""The recorder's process as the base has it: started when it is needed, replaced when it ends.

Nothing here waits for it. Times are boot time.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_taskiq.backoff import doubled
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.channel import flush_watched
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, Frame

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.fork import Forked

LONGEST_DELAY = 30.0
# One that lived so long did not die of its start.
_LIVED_SECONDS = 60.0
# A recorder that hangs in a query ends itself before that. One that is stopped does not.
_STANDS_STILL_SECONDS = 75.0


class RecorderSeat:
    """Holds one process at most. `fork` gets the seconds to wait before the first look."""

    def __init__(self, selector: selectors.BaseSelector, fork: Callable[[float], Forked]) -> None:
        self._selector = selector
        self._fork = fork
        self._handle: Callable[[Frame], None] = lambda _: None
        self._early_deaths = 0
        self._born_at = 0.0
        self._answers_until = math.inf
        self.process: Forked | None = None

    def hand_frames_to(self, handle: Callable[[Frame], None]) -> None:
        """Have `handle` take in each frame of the recorder from now on."""
        self._handle = handle

    def start(self) -> bool:
        """Fork one; return whether there was room."""
        delay = doubled(1.0, LONGEST_DELAY + 1.0, self._early_deaths) - 1.0
        self._born_at = boot_time()
        try:
            self.process = self._fork(delay)
        except OSError as error:
            warn(f"cannot fork the recorder: {error!r}; trying again with the next step")
            return False
        self._selector.register(self.process.channel, selectors.EVENT_READ, self.read)
        self._answers_until = self._born_at + delay + _STANDS_STILL_SECONDS
        return True

    def lost(self, pid: int) -> bool:
        """Return whether it is this process that has ended, and let go of it."""
        dead = self.process
        if dead is None or dead.pid != pid:
            return False
        with contextlib.suppress(KeyError):
            self._selector.unregister(dead.channel)
        dead.channel.close()
        self.process, self._answers_until = None, math.inf
        early = boot_time() - self._born_at < _LIVED_SECONDS
        self._early_deaths = self._early_deaths + 1 if early else 0
        return True

    def connect(self) -> socket.socket:
        """Return one end of a link to it."""
        ours, theirs = socket.socketpair()
        self.post({"type": "link"}, theirs.detach())
        return ours

    def post(self, frame: Frame, descriptor: int | None = None) -> None:
        """Send it a frame."""
        if self.process is not None:
            with contextlib.suppress(OSError):  # it is dying, and its successor is asked
                self.process.channel.post(frame, descriptor)

    def flush(self) -> None:
        """Send what is left, as far as there is room. Called at every turn of the loop."""
        if self.process is not None:
            flush_watched(self.process.channel, self._selector)

    def read(self) -> None:
        """Take in what it sends. Only the kernel reports its death."""
        if self.process is None:
            return
        try:
            frames = self.process.channel.receive_now()
        except (EOFError, OSError):
            self._selector.unregister(self.process.channel)
            return
        for frame in frames:
            if not isinstance(frame, Broken):
                self._handle(frame)

    def await_answer(self) -> None:
        """Note that it owes an answer, which it gives at once or after one query."""
        self._answers_until = boot_time() + _STANDS_STILL_SECONDS

    def has_answered(self) -> None:
        """Note that it owes no answer."""
        self._answers_until = math.inf

    def wakes_at(self) -> float:
        """Return when it counts as one that stands still."""
        return self._answers_until

    def end_if_still(self) -> None:
        """End it if it has owed an answer for too long."""
        if self.process is not None and boot_time() >= self._answers_until:
            self._answers_until = math.inf
            warn(f"the recorder has not answered for {_STANDS_STILL_SECONDS:g} s: killed")
            self.process.kill()
