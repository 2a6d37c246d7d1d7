"""What every host does with its processes: forks and steers them, and relays their frames."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.child.exit import end_process
from dagster_taskiq.host.child.lifeline import Lifeline
from dagster_taskiq.host.supervise.captured_files import compute_log_folder
from dagster_taskiq.host.supervise.child_exits import how_it_ended
from dagster_taskiq.host.supervise.fork import Forked, fork_process
from dagster_taskiq.host.supervise.guard import Guard, Guards
from dagster_taskiq.host.supervise.inbox import Inbox
from dagster_taskiq.host.supervise.live import Live
from dagster_taskiq.host.supervise.loop import Loop
from dagster_taskiq.host.supervise.recorder_link import recorder_lost
from dagster_taskiq.host.supervise.recordings import Recordings, Sockets
from dagster_taskiq.host.supervise.recycler import Recycler, Recycling
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.admissions import Admission, Recording
from dagster_taskiq.host.wire.channel import Channel, flush_watched
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.frames import Frame
from dagster_taskiq.host.wire.orders import Order
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.steering import Kill, Permit, Renewal, Steering

if TYPE_CHECKING:
    from dagster import DagsterInstance


class Supervisor(Loop):
    """Owns every live process below it."""

    def __init__(
        self, upstream: Channel, instance: DagsterInstance, live: Live, recycling: Recycling
    ) -> None:
        super().__init__(upstream)
        self._instance = instance
        self._live = live
        self._guards = Guards()
        self._recycler = Recycler(recycling, self._selector, self._send_end)
        folder, on_turn = compute_log_folder(instance), self._recycler.take_in
        self._inbox = Inbox(upstream, folder, self._note_imports, on_turn)
        self._lifeline = Lifeline()
        self._recordings = Recordings(self._selector, self._guards, self._inbox, self._settle)

    # What the two kinds of hosts do differently

    def _watched(self) -> Iterable[Guard]:
        return chain(self._guards, self._recycler.guards())

    def _channels(self) -> Iterable[Channel]:
        """Yield the channels that a child must close."""
        if self._recordings.link is not None:
            yield self._recordings.link.channel
        for guard in self._watched():
            yield guard.process.channel

    def _catch_up(self, guard: Guard) -> None:
        self._inbox.catch_up(guard)
        if guard.is_recorded:
            self._recordings.read()

    def _note_imports(self, modules: object) -> None:
        """Take in which modules a step says that it has imported."""

    @abstractmethod
    def _arrange_fork(self) -> None:
        """In a child that does work: see to what it has of this process and must not share."""

    def _flush(self) -> None:
        self._recordings.flush()
        for guard in self._guards:
            if guard.process.channel.unsent:
                flush_watched(guard.process.channel, self._selector)
        self._recycler.do_due(len(self._guards), boot_time())

    # Its processes

    def _steer(self, guard: Guard, steering: Steering) -> None:
        """Do to a process what the worker says."""
        process = guard.process
        match steering:
            case Kill():
                process.signal_group(steering.signal)
            case Renewal():
                guard.renew(steering)
            case Permit():
                # Only as the answer to a question: a permit kept for later would have no deadline.
                if process.asking:
                    guard.answered(boot_time())
                    process.answer(steering)

    def _cancel(self, runs: Mapping[str, bool]) -> None:
        """End the steps of these runs, which are over; true for those that were canceled."""
        self._guards.cancel(runs, self._catch_up)
        self._recycler.leave(runs)

    def _fork(
        self,
        order: Order,
        until: float,
        live: Live | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Fork a process that does the ordered work and may live until `until`.

        What an admission is for is recorded by the recorder.
        """
        if admission is not None and self._recordings.link is None:
            self._refuse(order.id, recorder_lost())
            return
        try:
            process = self._forked(order, until, live or self._live, admission)
        except OSError as error:
            # The machine is out of processes or memory, which no step is to blame for.
            self._refuse(order.id, fault("instance", error_from(error)))
            return
        self._follow(process, order, until)

    def _recycle(self, order: Order, until: float, admission: Admission | None) -> bool:
        """Give the order to a process that waits for one; return whether there was one."""
        process = self._recycler.reuse(order, until, admission, self._recordings.link)
        if process is None:
            return False
        self._follow(process, order, until)
        return True

    def _follow(self, process: Forked, order: Order, until: float) -> None:
        if process.recorder is not None:
            self._recycler.begin(order)
        settles = order.settles and process.recorder is not None
        guard = Guard(process, order.limits, boot_time(), settles=settles)
        guard.prolong(until)
        self._guards.add(guard)
        self._watch(process.channel, partial(self._read_process, guard))
        self._upstream.post({"type": "started", "id": process.id, "pid": process.pid})

    def _forked(
        self, order: Order, until: float, live: Live, admission: Admission | None
    ) -> Forked:
        link = self._recordings.link
        if admission is None or link is None:
            be = partial(self._be_process, order, live, os.getpid(), None)
            return fork_process(order.id, be, step=order.step)
        sockets = Sockets()
        record = partial(sockets.recording, admission)
        be = partial(self._be_process, order, live, os.getpid(), record)
        try:
            process = fork_process(order.id, be, step=order.step, recorder=link)
        except OSError:
            sockets.close()
            raise
        link.begin(order, until, sockets.end_of_recorder())
        return process

    def _refuse(self, identifier: str, outcome: Outcome | None, **how: object) -> None:
        """Report the end of work that has no process, or never had one."""
        if outcome is not None:
            self._upstream.post({"type": "outcome", "id": identifier, "outcome": outcome})
        exited = {**dict.fromkeys(("code", "signal", "killed")), **how}
        self._upstream.post({"type": "exited", "id": identifier, **exited})

    def _be_process(
        self,
        order: Order,
        live: Live,
        host_pid: int,
        record: Callable[[], Recording] | None,
        channel: Channel,
    ) -> NoReturn:
        self._let_go()
        recording = None if record is None else record()
        arrange = self._arrange_fork
        code = live(
            order,
            self._instance,
            channel,
            host_pid,
            self._lifeline,
            arrange,
            recording=recording,
            turns=self._recycler.turns_of(order),
        )
        end_process(code)

    def _let_go(self) -> None:
        """In a child: close everything that is the host's, or its end would go unnoticed."""
        self._selector.close()
        self._reaper.close()
        self._upstream.close()
        for channel in self._channels():
            channel.close()

    def _read_process(self, guard: Guard) -> None:
        try:
            frames = guard.process.channel.receive()
        except (EOFError, OSError):
            # Closed by user code perhaps; only the kernel says that a process is dead.
            self._selector.unregister(guard.process.channel)
            return
        for frame in frames:
            self._inbox.take_in(guard, frame)

    def _bury(self, guard: Guard) -> None:
        process = guard.process
        if self._recycler.lose(guard):
            self._close_channel(process.channel)
            return
        self._catch_up(guard)
        self._close_channel(process.channel)
        guard.bury()
        if not guard.awaits_recorder or process.recorder is None:
            self._send_end(guard)
        elif guard.rest is None:
            process.recorder.finish(process.id)

    def _settle(self, guard: Guard) -> None:
        """Take in that the recorder writes no more for it."""
        if guard.is_buried:
            self._send_end(guard)
        else:
            self._recycler.settle(guard)

    def _send_end(self, guard: Guard) -> None:
        """Report the end of a step, once nothing is written for it any more."""
        self._guards.remove(guard)
        self._recycler.end(guard.process.id)
        self._inbox.send_outcome(guard)
        self._upstream.post(self._end_of(guard))

    def _end_of(self, guard: Guard) -> Frame:
        """Return the last frame about a process."""
        process = guard.process
        how = how_it_ended(process.status or 0)
        return {"type": "exited", "id": process.id, **how, "killed": guard.killed}
