"""Interpreters for steps that cannot be forked; one is started ahead while steps ask for some.

It has imported Dagster and waits. It has no code of a project, so that it serves any run, and no
limits and no step. The base owns it as its other children. Times are boot time.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.recordings import Sockets
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.turns import NEXT

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.fork import Forked
    from dagster_taskiq.host.supervise.recorder_link import RecorderLink
    from dagster_taskiq.host.wire.admissions import Admission
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import Order

# An interpreter that waits keeps its memory.
IDLE_SECONDS = 300.0


class Interpreters:
    """Holds at most one that waits. `fork` starts one, and raises OSError when there is no room."""

    def __init__(self, fork: Callable[[], Forked]) -> None:
        self._fork = fork
        self._wanted_until = -math.inf
        self._waiting: Forked | None = None

    def give(
        self, order: Order, until: float, admission: Admission | None, link: RecorderLink | None
    ) -> Forked:
        """Give the order to the interpreter that waits, or else to a new one.

        `until` is when the lease of the attempt ends. Raises OSError when there is no room.
        """
        self._wanted_until = boot_time() + IDLE_SECONDS
        sockets = None if admission is None or link is None else Sockets()
        try:
            process = self._handed_over(order, admission, sockets)
        except OSError:
            if sockets is not None:
                sockets.close()
            raise
        if sockets is None or link is None:
            return process.again(order.id, order.step)
        link.begin(order, until, sockets.end_of_recorder())
        return process.again(order.id, order.step, link)

    def _handed_over(
        self, order: Order, admission: Admission | None, sockets: Sockets | None
    ) -> Forked:
        waiting, self._waiting = self._waiting, None
        given = None if admission is None else admission.to_frame()
        frame = {"type": NEXT, "order": order.as_sent, "admission": given}
        if waiting is not None:
            try:
                waiting.channel.post(frame, None if sockets is None else sockets.end_of_step())
            except OSError:  # it is dead, and reaped soon
                waiting.channel.close()
            else:
                return waiting
        process = self._fork()
        with contextlib.suppress(OSError):  # it is dead, and its step ends as it did
            process.channel.post(frame, None if sockets is None else sockets.end_of_step())
        return process

    def do_due(self, now: float) -> None:
        """Start the next one, or end one that no step has asked for in time."""
        if now >= self._wanted_until and self._waiting is not None:
            self._waiting.kill()
            self._forget()
        elif now < self._wanted_until and self._waiting is None:
            try:
                self._waiting = self._fork()
            except OSError as error:
                self._wanted_until = -math.inf
                warn(f"no interpreter is started ahead of the next step: {error!r}")

    def wakes_at(self) -> float:
        """Return when the one that waits has waited in vain."""
        return math.inf if self._waiting is None else self._wanted_until

    def lose(self, pid: int) -> None:
        """Take in that a child has ended. If it waited here, the next one may end as well."""
        if self._waiting is not None and self._waiting.pid == pid:
            self._wanted_until = -math.inf
            self._forget()

    def channels(self) -> Iterable[Channel]:
        """Yield the channels that a child must close."""
        return () if self._waiting is None else (self._waiting.channel,)

    def _forget(self) -> None:
        forgotten, self._waiting = self._waiting, None
        if forgotten is not None:
            forgotten.channel.close()
