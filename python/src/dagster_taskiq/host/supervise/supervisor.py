"""What every host does with its processes: forks, limits and reaps them, and relays their frames.

One thread, which waits on nothing but the selector.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.child.exit import end_process
from dagster_taskiq.host.child.fresh_interpreter import become_interpreter
from dagster_taskiq.host.child.lifeline import Lifeline
from dagster_taskiq.host.supervise.captured_files import compute_log_folder
from dagster_taskiq.host.supervise.child_exits import ChildExits, how_it_ended
from dagster_taskiq.host.supervise.fork import Forked, fork_process
from dagster_taskiq.host.supervise.guard import Guard, Guards
from dagster_taskiq.host.supervise.inbox import Inbox
from dagster_taskiq.host.supervise.live import Live
from dagster_taskiq.host.supervise.reaper import Reaper
from dagster_taskiq.host.supervise.recorder_link import recorder_lost
from dagster_taskiq.host.supervise.recordings import Recordings, Sockets
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.admissions import Admission, Recording
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import error_from, warn
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.orders import Order
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.steering import Kill, Permit, Renewal, Steering

if TYPE_CHECKING:
    from dagster import DagsterInstance

# The selector's clock stands still while the machine sleeps, and the terms' clock does not. What a
# frame says of a term counts from the last look, for the host may have been frozen since.
_LONGEST_WAIT = 1.0


class Supervisor(ABC):
    """Owns every live process below it; ends when it has no more to do, or `upstream` is gone."""

    def __init__(self, upstream: Channel, instance: DagsterInstance, live: Live) -> None:
        self._upstream = upstream
        self._instance = instance
        self._live = live
        self._inbox = Inbox(upstream, compute_log_folder(instance), self._note_imports)
        self._guards = Guards()
        self._selector = selectors.DefaultSelector()
        self._reaper = Reaper()
        self._lifeline = Lifeline()
        self._recordings = Recordings(self._selector, self._guards, self._inbox, self._send_end)
        self._silent_at = boot_time()
        """When nothing from upstream was waiting: what is read next was sent after that."""
        self._watch(upstream, self._read_upstream)
        self._watch(self._reaper.exits, self._reap)

    def serve(self) -> None:
        """Work until there is no more to do, or until upstream is gone."""
        try:
            while not self._is_done():
                self._turn()
            self._upstream.finish()
        except (EOFError, OSError) as error:
            warn(f"the worker is gone ({error!r}); killing what is left of its steps")
        finally:
            self._reaper.kill_everything(self._watched())

    # What the two kinds of hosts do differently

    @abstractmethod
    def _is_done(self) -> bool:
        """Return whether this host may end."""

    @abstractmethod
    def _obey(self, frame: Frame, sent_after: float) -> None:
        """Do what a frame from upstream says."""

    def _watched(self) -> Iterable[Guard]:
        """Yield the guards of all children that are not orphans."""
        return self._guards

    def _channels(self) -> Iterable[Channel]:
        """Yield the channels that a child must close."""
        if self._recordings.link is not None:
            yield self._recordings.link.channel
        for guard in self._watched():
            yield guard.process.channel

    def _catch_up(self, guard: Guard) -> None:
        """Take in what a child, or the recorder, has said by now."""
        self._inbox.catch_up(guard)
        if guard.is_recorded:
            self._recordings.read()

    def _note_imports(self, modules: object) -> None:  # noqa: B027 - of location hosts alone
        """Take in which modules a step says that it has imported."""

    def _wakes_at(self) -> float:
        """Return when `_do_due` has something to do."""
        return math.inf

    @abstractmethod
    def _do_due(self, now: float, *, expire: bool) -> None:
        """Do what is due besides limits; terms are looked at only if `expire`."""

    @abstractmethod
    def _arrange_fork(self) -> None:
        """In a child that does work: see to what it has of this process and must not share."""

    @abstractmethod
    def _end_of_other(self, pid: int) -> None:
        """A child is reaped that is not watched."""

    # The loop

    def _turn(self) -> None:
        # What stands still reads nothing: waiting for it would keep every limit waiting.
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._upstream.unsent else 0)
        self._selector.modify(self._upstream, events, self._read_upstream)
        self._recordings.flush()
        # Stopped while it waits (SIGSTOP), and for longer, the first finds nothing ready.
        selected = self._selector.select(self._patience()) or self._selector.select(0)
        self._upstream.flush()
        ready = [key for key, mask in selected if mask & selectors.EVENT_READ]
        if not (spoken := any(key.fileobj is self._upstream for key in ready)):
            self._silent_at = boot_time()
        for key in ready:
            # One before it in this turn may have buried its process, whose channel is closed then.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        now = boot_time()
        self._reaper.look(now)
        if now >= self._reaper.wakes_at():
            self._reap()
        # Late in reading, the host would kill what was prolonged in time.
        for guard in [each for each in self._watched() if each.process.status is None]:
            if not spoken:
                guard.expire(now)
            guard.enforce(now, self._catch_up)
        self._do_due(now, expire=not spoken)

    def _patience(self) -> float:
        wakes = [guard.wakes_at() for guard in self._watched() if guard.process.status is None]
        wakes_at = min(*wakes, self._reaper.wakes_at(), self._wakes_at(), math.inf)
        return min(_LONGEST_WAIT, max(0.0, wakes_at - boot_time()))

    def _read_upstream(self) -> None:
        sent_after, self._silent_at = self._silent_at, boot_time()
        for frame in self._upstream.receive():
            if isinstance(frame, Broken):
                warn(f"not a frame: {frame.line}")
            else:
                self._obey(frame, sent_after)

    # Its processes

    def _steer(self, guard: Guard, steering: Steering) -> None:
        """Do to a process what the worker says."""
        process = guard.process
        match steering:
            case Kill():
                process.signal_group(steering.signal)
            case Renewal():
                guard.prolong(steering.until)
            case Permit():
                # Only as the answer to a question: a permit kept for later would have no deadline.
                if process.asking:
                    guard.answered(boot_time())
                    process.answer(steering)

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
            process = self._forked(order, live or self._live, admission)
        except OSError as error:
            # The machine is out of processes or memory, which no step is to blame for.
            self._refuse(order.id, fault("instance", error_from(error)))
            return
        guard = Guard(process, order.limits, boot_time())
        guard.prolong(until)
        self._guards.add(guard)
        self._watch(process.channel, partial(self._read_process, guard))
        self._upstream.post({"type": "started", "id": process.id, "pid": process.pid})

    def _forked(self, order: Order, live: Live, admission: Admission | None) -> Forked:
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
        link.begin(order, sockets.end_of_recorder())
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
        if order.needs_interpreter:
            become_interpreter(order.as_sent, channel, host_pid, self._lifeline, recording)
        arrange = self._arrange_fork
        code = live(
            order,
            self._instance,
            channel,
            host_pid,
            self._lifeline,
            arrange,
            recording=recording,
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

    def _reap(self) -> None:
        for guard in self._reaper.reap(self._watched(), others=self._end_of_other):
            self._bury(guard)

    def _bury(self, guard: Guard) -> None:
        process = guard.process
        self._catch_up(guard)
        self._close_channel(process.channel)
        guard.bury()
        if guard.awaits_recorder and process.recorder is not None:
            process.recorder.finish(process.id)
        else:
            self._send_end(guard)

    def _send_end(self, guard: Guard) -> None:
        """Report the end of a process, once nothing is written for it any more."""
        self._guards.remove(guard)
        self._inbox.send_outcome(guard)
        self._upstream.post(self._end_of(guard))

    def _end_of(self, guard: Guard) -> Frame:
        """Return the last frame about a process."""
        process = guard.process
        how = how_it_ended(process.status or 0)
        return {"type": "exited", "id": process.id, **how, "killed": guard.killed}

    def _close_channel(self, channel: Channel) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(channel)
        channel.close()

    def _watch(self, source: Channel | ChildExits, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)
