"""The host's event loop: reads the worker's frames, forks, passes on, reaps.

One thread, which waits on nothing but the selector.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host import linux
from dagster_taskiq.host.deaths import Deaths, how_it_ended
from dagster_taskiq.host.errors import error_from, warn
from dagster_taskiq.host.fork import Forked, fork_process
from dagster_taskiq.host.frames import Broken, Frame
from dagster_taskiq.host.lifeline import Lifeline
from dagster_taskiq.host.outcomes import fault
from dagster_taskiq.host.run_watch import RunWatch, step_of
from dagster_taskiq.host.run_watcher import be_watcher
from dagster_taskiq.host.step_process import WORKS, live

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.channel import Channel
    from dagster_taskiq.host.locations import Locations

# Only what this process may not kill, or the kernel cannot end, is waited for so long.
_LAST_SECONDS = 5.0

_SIGNALS = {name: getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGKILL")}


class Zygote:
    """Owns every live process; ends only when told to, or when the worker is gone."""

    def __init__(self, worker: Channel, instance: DagsterInstance, locations: Locations) -> None:
        self._worker = worker
        self._instance = instance
        self._locations = locations
        self._processes: dict[str, Forked] = {}
        self._run_watch = RunWatch(self._fork_watcher)
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._deaths = Deaths()
        self._lifeline = Lifeline()
        self._watch(worker, self._read_worker)
        self._watch(self._deaths, self._reap)

    def serve(self) -> None:
        """Work until `stop` and the last process's end, or until the worker is gone."""
        try:
            while self._processes or not self._stopping:
                for key, _ in self._selector.select():
                    key.data()
        except (EOFError, OSError) as error:
            warn(f"the worker is gone ({error!r}); killing {len(self._processes)} processes")
        finally:
            self._kill_everything()

    # The worker's frames

    def _read_worker(self) -> None:
        for frame in self._worker.receive():
            if isinstance(frame, Broken):
                warn(f"not a frame: {frame.line}")
            else:
                self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "stop":
            self._stopping = True
        elif not isinstance(frame.get("id"), str):
            warn(f"frame of type {kind!r} without an id")
        elif (process := self._processes.get(frame["id"])) is not None:
            self._tell(process, frame)
        elif kind in WORKS:
            self._fork(frame)

    def _tell(self, process: Forked, frame: Frame) -> None:
        if frame["type"] == "kill":
            process.signal_group(_SIGNALS.get(frame.get("signal", ""), signal.SIGKILL))
        elif frame["type"] == "permit" and process.asking:
            # Only the answer to a question: a permit kept in store would be one without a deadline.
            process.asking = False
            with contextlib.suppress(OSError):
                process.channel.send(frame)

    def _fork(self, frame: Frame) -> None:
        self._locations.import_wanted()
        self._deaths.watch()
        try:
            process = fork_process(frame["id"], partial(self._be_process, frame, os.getpid()))
        except OSError as error:
            self._refuse(frame["id"], error)
            return
        process.step = step_of(frame)
        self._processes[process.id] = process
        self._look_at_runs()
        self._watch(process.channel, partial(self._read_process, process))
        self._worker.send({"type": "started", "id": process.id, "pid": process.pid})

    def _refuse(self, identifier: str, error: OSError) -> None:
        # The machine is out of processes or memory, which no step is to blame for.
        told = fault("instance", error_from(error))
        self._worker.send({"type": "outcome", "id": identifier, "outcome": told})
        self._worker.send({"type": "exited", "id": identifier, "code": None, "signal": None})

    def _be_process(self, frame: Frame, host_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        live(frame, self._instance, channel, host_pid, self._lifeline)

    def _let_go(self) -> None:
        """In a child: close everything that is the host's, or its end would go unnoticed."""
        self._selector.close()
        self._deaths.close()
        self._worker.close()
        for sibling in self._processes.values():
            sibling.channel.close()
        if (watcher := self._run_watch.watcher) is not None:
            watcher.channel.close()

    # The watcher of runs

    def _fork_watcher(self, delay: float) -> Forked:
        watcher = fork_process("", partial(self._be_watcher, delay, os.getpid()))
        self._watch(watcher.channel, partial(self._read_watcher, watcher))
        return watcher

    def _be_watcher(self, delay: float, host_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        be_watcher(channel, self._instance, delay, host_pid, self._lifeline)

    def _look_at_runs(self) -> None:
        self._run_watch.look_at(p.step[0] for p in self._processes.values() if p.step)

    def _read_watcher(self, watcher: Forked) -> None:
        try:
            over = self._run_watch.read()
        except (EOFError, OSError):
            self._selector.unregister(watcher.channel)
            return
        for process in self._processes.values():
            if process.step is not None and process.step[0] in over:
                process.cancel()

    # The processes' frames

    def _read_process(self, process: Forked) -> None:
        try:
            frames = process.channel.receive()
        except (EOFError, OSError):
            # Closed by user code perhaps; only the kernel says that a process is dead.
            self._selector.unregister(process.channel)
            return
        for frame in frames:
            self._pass_on(process, frame)

    def _pass_on(self, process: Forked, frame: Frame | Broken) -> None:
        """Take in what a process says. User code may have said it: nothing in it is relied on."""
        if isinstance(frame, Broken):
            warn(f"not a frame, from process {process.pid}: {frame.line}")
        elif frame["type"] == "outcome" and isinstance(frame.get("outcome"), dict):
            process.outcome = frame["outcome"]
        elif frame["type"] == "origin" and isinstance(frame.get("origin"), str):
            self._locations.want(frame["origin"])
        elif frame["type"] == "ask":
            process.asking = True
            self._worker.send({"type": "ask", "id": process.id})
        elif frame["type"] == "capture":
            paths = {name: str(frame.get(name)) for name in ("stdout", "stderr")}
            self._worker.send({"type": "capture", "id": process.id, **paths})

    # Deaths

    def _reap(self) -> None:
        for pid, status in self._deaths.reap(before=self._kill_group_of):
            if (process := self._led_by(pid)) is not None:
                self._bury(process, status)
            elif (watcher := self._run_watch.lost(pid)) is not None:
                self._close_channel(watcher)
                self._look_at_runs()

    def _kill_group_of(self, pid: int) -> None:
        if (process := self._led_by(pid)) is not None:
            process.signal_group(signal.SIGKILL)

    def _led_by(self, pid: int) -> Forked | None:
        return next((p for p in self._processes.values() if p.pid == pid), None)

    def _bury(self, process: Forked, status: int) -> None:
        for frame in process.channel.drain():
            self._pass_on(process, frame)
        self._close_channel(process)
        del self._processes[process.id]
        self._look_at_runs()
        if process.canceled and process.step is not None:
            self._run_watch.free_slot_of(*process.step)
        if (told := process.last_word()) is not None:
            self._worker.send({"type": "outcome", "id": process.id, "outcome": told})
        self._worker.send({"type": "exited", "id": process.id, **how_it_ended(status)})

    def _close_channel(self, process: Forked) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.channel)
        process.channel.close()

    def _kill_everything(self) -> None:
        watcher = self._run_watch.watcher
        for process in [*self._processes.values(), *([watcher] if watcher else [])]:
            process.signal_group(signal.SIGKILL)
        give_up_at = time.monotonic() + _LAST_SECONDS
        # A step's end makes what left its group a child of this process: look again after each.
        while (left := linux.children()) and (seconds := give_up_at - time.monotonic()) > 0:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self._deaths], [], [], seconds)
            for _ in self._deaths.reap(before=self._kill_group_of):
                pass

    def _watch(self, source: Channel | Deaths, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)
