"""The steps of one supervisor that the recorder records, and what it says of them."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.recorder_link import RecorderLink
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.admissions import Admission, Recording
from dagster_taskiq.host.wire.channel import Channel, flush_watched

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.guard import Guard, Guards
    from dagster_taskiq.host.supervise.inbox import Inbox
    from dagster_taskiq.host.wire.frames import Frame


class Recordings:
    """Follows the recorder that lives now. `settle` takes in that it writes no more for a step."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        guards: Guards,
        inbox: Inbox,
        settle: Callable[[Guard], None],
    ) -> None:
        self._selector = selector
        self._guards = guards
        self._inbox = inbox
        self._settle = settle
        self.link: RecorderLink | None = None
        """`None`: there is no recorder now, or processes read and write themselves."""

    def follow(self, end: socket.socket) -> None:
        """Have steps recorded over this socket from now on."""
        self.read()
        self._lose()
        self.link = RecorderLink(end)
        self._selector.register(self.link.channel, selectors.EVENT_READ, self.read)

    def flush(self) -> None:
        """Send what is left, as far as there is room. Called at every turn of the loop."""
        if self.link is not None:
            flush_watched(self.link.channel, self._selector)

    def read(self) -> None:
        """Take in what the recorder has sent by now, or its end."""
        if self.link is None:
            return
        try:
            frames = self.link.receive()
        except (EOFError, OSError):
            self._lose()
            return
        for frame in frames:
            if (guard := self._guards.get(frame["id"])) is not None:
                self._handle(guard, frame)

    def _handle(self, guard: Guard, frame: Frame) -> None:
        if frame["type"] == "ask":
            self._inbox.ask(guard, frame["event"])
        elif frame["type"] == "outcome":
            guard.note_outcome(frame["outcome"], boot_time())
        elif frame["type"] == "done":
            guard.be_done()
            self._settle(guard)

    def _lose(self) -> None:
        """Without a recorder nothing that its steps do is written: they end."""
        lost, self.link = self.link, None
        if lost is None:
            return
        with contextlib.suppress(KeyError):
            self._selector.unregister(lost.channel)
        lost.channel.close()
        for guard in [each for each in self._guards if each.is_recorded]:
            is_gone = guard.awaits_recorder
            guard.lose_recorder()
            if is_gone:
                self._settle(guard)


class Sockets:
    """The pair between a step's process and the recorder, made before the step."""

    def __init__(self) -> None:
        self._recorders, self._steps = socket.socketpair()

    def recording(self, admission: Admission) -> Recording:
        """In the child: keep its own end only, or the recorder's end would go unnoticed."""
        self._recorders.close()
        return Recording(admission, Channel(self._steps))

    def end_of_recorder(self) -> socket.socket:
        """In the parent: return the end to be passed on, and keep none."""
        self._steps.close()
        return self._recorders

    def end_of_step(self) -> int:
        """In the parent: return the descriptor to be passed on to a process that lives already."""
        return os.dup(self._steps.fileno())

    def close(self) -> None:
        """In the parent: there is no child."""
        self._recorders.close()
        self._steps.close()
