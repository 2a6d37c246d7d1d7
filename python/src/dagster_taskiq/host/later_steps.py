"""The further steps of a process that runs several of one run, one after the other."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.host import capture_interrupts
from dagster_taskiq.host.child.leftovers import Leftovers
from dagster_taskiq.host.code.late_code import files_imported_since
from dagster_taskiq.host.wire.admissions import Recording, recording_from
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.orders import RunOrder, handed_on
from dagster_taskiq.host.wire.turns import IDLE, LEFT, NEXT

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.live import Turns
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.limits import Limits


class LaterSteps:
    """Waits for them. Made before the first step, in the process that runs them all."""

    def __init__(
        self, turns: Turns, channel: Channel, limits: Limits, recording: Recording
    ) -> None:
        self._turns = turns
        self._channel = channel
        self._ended = 0
        self._began_at = time.time()
        self._modules = len(sys.modules)
        self._files: Mapping[str, object] | None = None
        with capture_interrupts():
            pass  # at its end SIGTERM gets another handler, as at the end of each step
        self._leftovers = Leftovers(limits.memory, recording.recorder.fileno())
        channel.expect_descriptors()

    def may_come(self, last: Recording) -> bool:
        """Return whether the process may run another step than the last one, which has ended."""
        self._ended += 1
        if self._ended >= self._turns.most:
            return False
        self._files = files_imported_since(self._modules, self._began_at)
        left = self._leftovers.find(last.recorder.fileno())
        if self._files is None:
            left.append("code that has changed")
        if left:
            self._channel.send({"type": LEFT, "left": left})
        return not left

    def next(self) -> tuple[RunOrder, Recording] | None:
        """Report that the step is over, and return the next one. `None`: the process ends."""
        self._channel.send({"type": IDLE, "files": self._files})
        frame = self._await_frame()
        if frame["type"] != NEXT:
            return None
        order, recording = handed_on(frame, RunOrder), recording_from(frame, self._channel)
        assert recording is not None
        self._turns.arrange()
        return order, recording

    def _await_frame(self) -> Frame:
        """Raises EOFError when the host is gone."""
        while True:
            for frame in self._channel.receive():
                if not isinstance(frame, Broken):
                    return frame
