"""A supervisor's link to the recorder, which reads and writes Dagster's storage for its steps."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import error_info
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.terms import moment_of

if TYPE_CHECKING:
    import socket

    from dagster_taskiq.host.wire.orders import Order
    from dagster_taskiq.host.wire.steering import Permit, Renewal


def recorder_lost() -> Outcome:
    """Return the outcome of a step whose recorder has ended before it recorded the step's end."""
    what = "the recorder, which writes the events of steps, has ended"
    return fault("instance", error_info("RecorderLost", what))


class RecorderLink:
    """One recorder, from the moment that the base connected it. Nothing here waits for it."""

    def __init__(self, end: socket.socket) -> None:
        self.channel = Channel(end)

    def begin(self, order: Order, until: float, end: socket.socket) -> None:
        """Have it record what the step's process sends to this socket.

        `until` is when the lease of the attempt ends, in boot time.
        """
        step = {"type": "step", "id": order.id, "order": order.as_sent, "until": moment_of(until)}
        self._post(step, end.detach())

    def renew(self, renewal: Renewal) -> None:
        """Report that the lease of a step was renewed."""
        self._post(renewal.to_frame())

    def answer(self, permit: Permit) -> None:
        """Pass on the worker's answer to its question."""
        self._post(permit.to_frame())

    def finish(self, identifier: str) -> None:
        """Report that the step's process is gone; it answers `done` once it writes no more."""
        self._post({"type": "gone", "id": identifier})

    def receive(self) -> list[Frame]:
        """Return what it has sent. Raises EOFError or OSError when it is gone."""
        return [each for each in self.channel.receive_now() if not isinstance(each, Broken)]

    def _post(self, frame: Frame, descriptor: int | None = None) -> None:
        with contextlib.suppress(OSError):  # it is dying, and its end of file is read soon
            self.channel.post(frame, descriptor)
