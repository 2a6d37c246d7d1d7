"""The base and a supervisor of a real recorder, and step processes that only send frames."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dagster_taskiq.dagster_internals.host import serialize_value
from dagster_taskiq.host.child.lifeline import Lifeline
from dagster_taskiq.host.recorder.process import be_recorder
from dagster_taskiq.host.recorder.step import WRITE_BOUND
from dagster_taskiq.host.supervise.fork import fork_process
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.frames import Broken, Frame

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

PATIENCE = 60.0


class Peer:
    """One end of a socket: sends frames, and waits for those of a type."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel = Channel(sock)
        self._unread: list[Frame] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send({"type": kind, **fields})

    def hand_over(self, kind: str, **fields: Any) -> Peer:
        """Send a frame with one end of a new socket; return the other."""
        ours, theirs = socket.socketpair()
        self.channel.post({"type": kind, **fields}, theirs.detach())
        self.channel.finish()
        return Peer(ours)

    def expect(self, kind: str, within: float = PATIENCE) -> Frame:
        """Return the next frame of the type, leaving the others for later."""
        while True:
            for frame in self._unread:
                if frame["type"] == kind:
                    self._unread.remove(frame)
                    return frame
            if not select.select([self.channel], [], [], within)[0]:
                raise TimeoutError(f"no {kind} within {within} s, but {self._unread}")
            self._unread += [f for f in self.channel.receive() if not isinstance(f, Broken)]

    def heard(self, kind: str) -> list[Frame]:
        """Return the frames of the type that have arrived and were not expected yet."""
        return [frame for frame in self._unread if frame["type"] == kind]

    def has_sent(self, kind: str) -> bool:
        """Return whether a frame of the type has arrived by now."""
        self._unread += [f for f in self.channel.receive_now() if not isinstance(f, Broken)]
        return any(frame["type"] == kind for frame in self._unread)


class RecorderDouble:
    """A recorder, forked from the test as from the base. Grants permits when asked.

    `prepare` is called in its process first.
    """

    def __init__(
        self, instance: DagsterInstance, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._lifeline = Lifeline()
        self._prepare = prepare
        be = partial(self._be, instance, os.getpid())
        self.process = fork_process("", be)
        self.base = Peer(socket.socket(fileno=os.dup(self.process.channel.fileno())))
        self.link = self.base.hand_over("link")

    def _be(self, instance: DagsterInstance, parent: int, channel: Channel) -> None:
        self._prepare()
        be_recorder(channel, instance, 0.0, parent, self._lifeline)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stand(self, order: dict[str, Any]) -> Frame:
        self.base.send("stand", id=order["id"], order=order)
        return self.base.expect("stands")

    def begin(self, order: dict[str, Any], until: float | None = None) -> Step:
        """Hand over a step. `until` is when its lease ends; `None` means never."""
        peer = self.link.hand_over("step", id=order["id"], order=order, until=until)
        return Step(self, order, peer)

    def let_lapse(self, step: Step, within: float) -> None:
        """Renew the lease of a step so that its plain events lapse within these seconds."""
        until = boot_time() + WRITE_BOUND + within
        self.link.send("renew", id=step.order["id"], until=until)

    def grant(self, within_ms: int = 60_000) -> Frame:
        """Wait for a question and grant it."""
        asked = self.link.expect("ask")
        self.link.send("permit", id=asked["id"], granted=True, within_ms=within_ms)
        return asked

    def outcome(self) -> dict[str, Any]:
        return dict(self.link.expect("outcome")["outcome"])

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def close(self) -> None:
        self.signal(signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for channel in (self.base.channel, self.link.channel, self.process.channel):
            channel.close()


class Step:
    """A step process as the recorder sees it."""

    def __init__(self, recorder: RecorderDouble, order: dict[str, Any], peer: Peer) -> None:
        self.recorder = recorder
        self.order = order
        self.peer = peer

    def event(self, entry: EventLogEntry) -> None:
        self.peer.send("event", event=serialize_value(entry))

    def end(self, entry: EventLogEntry) -> None:
        self.peer.send("end", event=serialize_value(entry))

    def flush(self) -> None:
        self.peer.send("flush")
        self.peer.expect("flushed")

    def gone(self) -> None:
        """Say that the process has ended; wait until everything of it is written."""
        self.peer.channel.close()
        self.recorder.link.send("gone", id=self.order["id"])
        while self.recorder.link.expect("done")["id"] != self.order["id"]:
            pass


def replayed(
    step: Step, entries: list[EventLogEntry], is_terminal: Callable[[EventLogEntry], bool]
) -> None:
    """Send these events as the step's, and wait until they stand."""
    for entry in entries:
        if is_terminal(entry):
            step.end(entry)
            step.recorder.grant()
            step.peer.expect("ended")
        else:
            step.event(entry)
    step.gone()
