"""Has a process run several steps of its run, one after the other.

To the worker each step is one piece of work: `exited` is sent once the recorder writes no more for
it, though its process lives on.
"""

from __future__ import annotations

import contextlib
import selectors
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.guard import Guard, Rest
from dagster_taskiq.host.supervise.live import ONE_TURN, Turns
from dagster_taskiq.host.supervise.recordings import Sockets
from dagster_taskiq.host.supervise.waiting import Kind, Waiting, WaitingProcesses
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.limits import Limits
from dagster_taskiq.host.wire.orders import RunOrder
from dagster_taskiq.host.wire.turns import IDLE, LEAVE, NEXT

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.fork import Forked
    from dagster_taskiq.host.supervise.recorder_link import RecorderLink
    from dagster_taskiq.host.wire.admissions import Admission
    from dagster_taskiq.host.wire.frames import Frame
    from dagster_taskiq.host.wire.orders import Order

_MOST_REPORTED = 20
_LONGEST_REPORT = 200


@dataclass(frozen=True)
class Recycling:
    """How a supervisor recycles processes."""

    most_steps: int
    """How many steps a process may run."""
    allows: Callable[[Order], bool]
    """Whether a process of this order may run further steps."""
    is_current: Callable[[Rest], bool]
    """Whether a process that waits has the code as it is now."""
    arrange: Callable[[], None] = lambda: None
    """Called in the process before each step but the first."""


class Recycler:
    """Owns the processes of one supervisor that have no step. `send_end` reports a step's end."""

    def __init__(
        self,
        recycling: Recycling,
        selector: selectors.BaseSelector,
        send_end: Callable[[Guard], None],
    ) -> None:
        self._recycling = recycling
        self._selector = selector
        self._send_end = send_end
        self._kinds: dict[str, Kind] = {}
        self._waiting = WaitingProcesses()
        self._leaving: list[Guard] = []
        self._reported: set[str] = set()
        self._is_closed = False

    def __bool__(self) -> bool:
        """Return whether there is a process without a step."""
        return any(True for _ in self.guards())

    def guards(self) -> Iterator[Guard]:
        """Yield the guards of the processes that have no step."""
        yield from (waiting.guard for waiting in self._waiting)
        yield from self._leaving

    # Steps

    def turns_of(self, order: Order) -> Turns:
        """Return how many steps a process that begins with this order may run."""
        if self._recycling.most_steps == 1 or not self._recycling.allows(order):
            return ONE_TURN
        return Turns(self._recycling.most_steps, self._recycling.arrange)

    def begin(self, order: Order) -> None:
        """Note that a process runs this order, and whether it may run further ones."""
        if isinstance(order, RunOrder) and self.turns_of(order).most > 1:
            self._kinds[order.id] = _kind_of(order)

    def end(self, order_id: str) -> None:
        """Note that the step is over."""
        self._kinds.pop(order_id, None)

    def take_in(self, guard: Guard, frame: Frame) -> None:
        """Take in that a process can run another step, or why it cannot."""
        process = guard.process
        if process.id not in self._kinds:
            return
        if frame["type"] != IDLE:
            self._report(guard, frame.get("left"))
        elif guard.is_recorded and process.recorder is not None:
            guard.begin_rest(Rest(frame.get("files")), boot_time())
            process.recorder.finish(process.id)

    def settle(self, guard: Guard) -> None:
        """Report the end of a step whose process lives on: the recorder writes no more for it."""
        process, now = guard.process, boot_time()
        kind, rest = self._kinds.get(process.id), guard.rest
        if not guard.may_go_on or kind is None or rest is None or not self._is_heard(process):
            process.kill()
        elif self._is_closed or not guard.has_succeeded:
            guard.begin_leaving(now)
            self._dismiss(process)
        else:
            self._send_end(guard)
            waiting = self._waiting.add(process.again(""), kind, rest, guard.limits, now)
            react = partial(self._read, waiting)
            self._selector.modify(process.channel, selectors.EVENT_READ, react)

    def reuse(
        self, order: Order, until: float, admission: Admission | None, link: RecorderLink | None
    ) -> Forked | None:
        """Give the order to a process that waits; `None` if there is none.

        `until` is when the lease of the attempt ends.
        """
        if admission is None or link is None or not isinstance(order, RunOrder):
            return None
        while (waiting := self._waiting.find(_kind_of(order))) is not None:
            process = waiting.guard.process.again(order.id, order.step, link)
            sockets = Sockets()
            if not self._recycling.is_current(waiting.rest):
                self._leave(waiting)
            elif self._give(waiting, order, admission, sockets):
                link.begin(order, until, sockets.end_of_recorder())
                return process
            sockets.close()
        return None

    def _give(
        self, waiting: Waiting, order: RunOrder, admission: Admission, sockets: Sockets
    ) -> bool:
        channel = waiting.guard.process.channel
        frame = {"type": NEXT, "order": order.as_sent, "admission": admission.to_frame()}
        try:
            channel.post(frame, sockets.end_of_step())
        except OSError:  # it is dead, and reaped soon
            self._kill(waiting)
            return False
        self._waiting.remove(waiting)
        self._unwatch(waiting.guard.process)
        return True

    # Processes without a step

    def leave(self, runs: Collection[str]) -> None:
        """Have the processes of these runs end."""
        for waiting in self._waiting.of_runs(runs):
            self._leave(waiting)

    def close(self) -> None:
        """Have all processes end, and from now on each with its step."""
        self._is_closed = True
        for waiting in self._waiting:
            self._leave(waiting)

    def lose(self, guard: Guard) -> bool:
        """Return whether it guarded one of these processes, which has ended now."""
        for waiting in self._waiting:
            if waiting.guard is guard:
                self._waiting.remove(waiting)
                return True
        known = guard in self._leaving
        self._leaving = [each for each in self._leaving if each is not guard]
        return known

    def do_due(self, running: int, now: float) -> None:
        """End those that have waited too long, or are too many while so many steps run."""
        for waiting in self._waiting.superfluous(running, now):
            self._leave(waiting)

    def _leave(self, waiting: Waiting) -> None:
        """By way of its exit hooks. They have the time that a step has after its end."""
        process, limits = waiting.guard.process, waiting.limits
        self._waiting.remove(waiting)
        self._unwatch(process)
        more = Limits(timeout=limits.after_end, grace=limits.grace)
        self._leaving.append(Guard(process, more, boot_time()))
        self._dismiss(process)

    def _dismiss(self, process: Forked) -> None:
        try:
            process.channel.post({"type": LEAVE})
        except OSError:
            process.kill()

    def _kill(self, waiting: Waiting) -> None:
        self._waiting.remove(waiting)
        self._leaving.append(waiting.guard)
        self._unwatch(waiting.guard.process)
        waiting.guard.process.kill()

    def _unwatch(self, process: Forked) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.channel)

    def _read(self, waiting: Waiting) -> None:
        """It has ended, or something of its step goes on: it should send nothing."""
        self._kill(waiting)

    def _is_heard(self, process: Forked) -> bool:
        return self._selector.get_map().get(process.channel) is not None

    def _report(self, guard: Guard, left: object) -> None:
        """Say once for all such processes why they run one step."""
        what = ", ".join(map(str, left)) if isinstance(left, list) else "something"
        what = what[:_LONGEST_REPORT]
        if what not in self._reported and len(self._reported) < _MOST_REPORTED:
            self._reported.add(what)
            warn(f"{guard.process.name} leaves its process with {what}: it runs no further step")


def _kind_of(order: RunOrder) -> Kind:
    return Kind(order.step[0], order.limits.memory, order.limits.processes)
