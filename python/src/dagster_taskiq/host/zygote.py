"""The host's event loop: reads the worker's frames, forks, passes on, enforces limits, reaps.

One thread, which waits on nothing but the selector.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.boot_time import boot_time
from dagster_taskiq.host.captured_files import compute_log_folder
from dagster_taskiq.host.deaths import Deaths, how_it_ended
from dagster_taskiq.host.errors import error_from, error_info, warn
from dagster_taskiq.host.fork import Forked, fork_process
from dagster_taskiq.host.frames import Broken, Frame
from dagster_taskiq.host.guard import Guard
from dagster_taskiq.host.guards import Guards
from dagster_taskiq.host.hearing import Hearing
from dagster_taskiq.host.lifeline import Lifeline
from dagster_taskiq.host.limits import Limits
from dagster_taskiq.host.outcomes import Outcome, fault
from dagster_taskiq.host.reaper import Reaper
from dagster_taskiq.host.run_watch import RunWatch, step_of
from dagster_taskiq.host.run_watcher import be_watcher
from dagster_taskiq.host.spawn import become_interpreter, wants_spawn
from dagster_taskiq.host.step_process import WORKS, live, needs_code

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.channel import Channel
    from dagster_taskiq.host.locations import Locations

# The selector's clock stands still while the machine sleeps, the terms' does not; and what a frame
# says of a term counts from the last look, for the host may have been frozen since.
_LONGEST_WAIT = 1.0

_SIGNALS = {name: getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGKILL")}


class Zygote:
    """Owns every live process; ends only when told to, or when the worker is gone."""

    def __init__(self, worker: Channel, instance: DagsterInstance, locations: Locations) -> None:
        self._worker = worker
        self._instance = instance
        self._locations = locations
        self._hearing = Hearing(worker, locations, compute_log_folder(instance))
        self._guards = Guards()
        self._run_watch = RunWatch(self._fork_watcher)
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._reaper = Reaper()
        self._lifeline = Lifeline()
        self._silent_at = boot_time()
        """When nothing of the worker's was waiting: what is read next was sent after that."""
        self._watch(worker, self._read_worker)
        self._watch(self._reaper.deaths, self._reap)

    def serve(self) -> None:
        """Work until `stop` and the last process's end, or until the worker is gone."""
        try:
            while self._guards or not self._stopping:
                self._turn()
            self._worker.finish()
        except (EOFError, OSError) as error:
            warn(f"the worker is gone ({error!r}); killing {len(self._guards)} processes")
        finally:
            self._reaper.kill_everything(self._guards)

    def _turn(self) -> None:
        # A worker that stands still reads nothing: waiting for it would keep every limit waiting.
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._worker.unsent else 0)
        self._selector.modify(self._worker, events, self._read_worker)
        selected = self._selector.select(self._patience())
        self._worker.flush()
        ready = [key for key, mask in selected if mask & selectors.EVENT_READ]
        if not (spoken := any(key.fileobj is self._worker for key in ready)):
            self._silent_at = boot_time()
        for key in ready:
            # One before it in this turn may have buried its process, whose channel is closed then.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        now = boot_time()
        self._reaper.look(now)
        if now >= self._reaper.wakes_at():
            self._reap()
        # Late in reading, as after an import, the host would kill what was prolonged in time.
        self._guards.enforce(now, self._hearing.catch_up, expire=not spoken)

    def _patience(self) -> float:
        now = boot_time()
        wakes_at = min(self._reaper.wakes_at(), self._guards.wakes_at())
        return min(_LONGEST_WAIT, max(0.0, wakes_at - now))

    # The worker's frames

    def _read_worker(self) -> None:
        sent_after, self._silent_at = self._silent_at, boot_time()
        for frame in self._worker.receive():
            if isinstance(frame, Broken):
                warn(f"not a frame: {frame.line}")
            else:
                self._obey(frame, sent_after)

    def _obey(self, frame: Frame, sent_after: float) -> None:
        kind = frame["type"]
        if kind == "stop":
            self._stopping = True
        elif not isinstance(frame.get("id"), str):
            warn(f"frame of type {kind!r} without an id")
        elif (guard := self._guards.get(frame["id"])) is not None:
            self._tell(guard, frame, sent_after)
        elif kind in WORKS:
            self._fork(frame, sent_after)

    def _tell(self, guard: Guard, frame: Frame, sent_after: float) -> None:
        process = guard.process
        if frame["type"] == "kill":
            process.signal_group(_SIGNALS.get(frame.get("signal", ""), signal.SIGKILL))
        elif frame["type"] == "renew":
            guard.prolong(frame.get("within_ms"), sent_after)
        elif frame["type"] == "permit" and process.asking:
            # Only the answer to a question: a permit kept in store would be one without a deadline.
            guard.answered(boot_time())
            with contextlib.suppress(OSError):
                process.channel.send(frame)

    def _fork(self, frame: Frame, sent_after: float) -> None:
        if needs_code(frame) and (path := self._locations.stale()) is not None:
            self._begin_anew(frame["id"], path)
            return
        self._locations.import_wanted()
        self._reaper.deaths.watch()
        try:
            process = fork_process(frame["id"], partial(self._be_process, frame, os.getpid()))
        except OSError as error:
            # The machine is out of processes or memory, which no step is to blame for.
            self._refuse(frame["id"], fault("instance", error_from(error)))
            return
        process.step = step_of(frame)
        guard = Guard(process, Limits.from_frame(frame), boot_time())
        guard.prolong(frame.get("within_ms"), sent_after)
        self._guards.add(guard)
        self._look_at_runs()
        self._watch(process.channel, partial(self._read_process, guard))
        self._worker.post({"type": "started", "id": process.id, "pid": process.pid})

    def _begin_anew(self, identifier: str, path: str) -> None:
        """Start nothing more, and end with the last process: the worker starts another host."""
        if not self._stopping:
            self._stopping = True
            warn(f"{path} has changed since it was imported: no step is started before a new host")
        changed = error_info("CodeChanged", f"{path} has changed since this worker imported it")
        self._refuse(identifier, fault("location", changed))

    def _refuse(self, identifier: str, told: Outcome) -> None:
        self._worker.post({"type": "outcome", "id": identifier, "outcome": told})
        exited = dict.fromkeys(("code", "signal", "killed"))
        self._worker.post({"type": "exited", "id": identifier, **exited})

    def _be_process(self, frame: Frame, host_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        if wants_spawn(frame):
            become_interpreter(frame, channel, host_pid, self._lifeline)
        live(frame, self._instance, channel, host_pid, self._lifeline)

    def _let_go(self) -> None:
        """In a child: close everything that is the host's, or its end would go unnoticed."""
        self._selector.close()
        self._reaper.close()
        self._worker.close()
        for sibling in self._guards:
            sibling.process.channel.close()
        if (watcher := self._run_watch.watcher) is not None:
            watcher.channel.close()

    # The watcher of runs

    def _fork_watcher(self, delay: float) -> Forked:
        watcher = fork_process("", partial(self._be_watcher, delay, os.getpid()))
        self._reaper.spare(watcher.pid)
        self._watch(watcher.channel, partial(self._read_watcher, watcher))
        return watcher

    def _be_watcher(self, delay: float, host_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        be_watcher(channel, self._instance, delay, host_pid, self._lifeline)

    def _look_at_runs(self) -> None:
        self._run_watch.look_at(self._guards.runs())

    def _read_watcher(self, watcher: Forked) -> None:
        try:
            self._guards.cancel(self._run_watch.read(), self._hearing.catch_up)
        except (EOFError, OSError):
            self._selector.unregister(watcher.channel)

    # The processes' frames

    def _read_process(self, guard: Guard) -> None:
        try:
            frames = guard.process.channel.receive()
        except (EOFError, OSError):
            # Closed by user code perhaps; only the kernel says that a process is dead.
            self._selector.unregister(guard.process.channel)
            return
        for frame in frames:
            self._hearing.take_in(guard, frame)

    # Deaths

    def _reap(self) -> None:
        for guard in self._reaper.reap(self._guards, others=self._bury_watcher):
            self._bury(guard)

    def _bury_watcher(self, pid: int) -> None:
        if (watcher := self._run_watch.lost(pid)) is not None:
            self._close_channel(watcher)
            self._look_at_runs()

    def _bury(self, guard: Guard) -> None:
        process = guard.process
        self._hearing.catch_up(guard)
        self._close_channel(process)
        self._guards.remove(guard)
        self._look_at_runs()
        if guard.canceled and process.step is not None:
            self._run_watch.free_slot_of(*process.step)
        self._hearing.tell_outcome(guard)
        how = how_it_ended(process.status or 0)
        self._worker.post({"type": "exited", "id": process.id, **how, "killed": guard.killed})

    def _close_channel(self, process: Forked) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.channel)
        process.channel.close()

    def _watch(self, source: Channel | Deaths, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)
