"""The host's event loop: reads the worker's frames, forks, passes on, reaps.

One thread, which waits on nothing but the selector.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host import linux
from dagster_taskiq.host.errors import error_from, warn
from dagster_taskiq.host.fork import Forked, fork_process
from dagster_taskiq.host.frames import Broken, Frame
from dagster_taskiq.host.outcomes import fault
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
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._deaths = _wake_on_deaths()
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
        elif kind in WORKS:
            self._fork(frame)
        elif (process := self._processes.get(frame["id"])) is not None:
            self._tell(process, frame)

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
        try:
            process = fork_process(frame["id"], partial(self._be_process, frame, os.getpid()))
        except OSError as error:
            self._refuse(frame["id"], error)
            return
        self._processes[process.id] = process
        self._watch(process.channel, partial(self._read_process, process))
        self._worker.send({"type": "started", "id": process.id, "pid": process.pid})

    def _refuse(self, identifier: str, error: OSError) -> None:
        # The machine is out of processes or memory, which no step is to blame for.
        told = fault("instance", error_from(error))
        self._worker.send({"type": "outcome", "id": identifier, "outcome": told})
        self._worker.send({"type": "exited", "id": identifier, "code": None, "signal": None})

    def _be_process(self, frame: Frame, host_pid: int, channel: Channel) -> NoReturn:
        """In the child: let go of everything that is the host's, or its end would go unnoticed."""
        self._selector.close()
        self._deaths.close()
        self._worker.close()
        for sibling in self._processes.values():
            sibling.channel.close()
        live(frame, self._instance, channel, host_pid)

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
        kind = None if isinstance(frame, Broken) else frame["type"]
        if isinstance(frame, Broken):
            warn(f"not a frame, from process {process.pid}: {frame.line}")
        elif kind == "outcome":
            process.outcome = frame["outcome"]
        elif kind == "origin":
            self._locations.want(frame["origin"])
        elif kind in ("ask", "capture"):
            process.asking = process.asking or kind == "ask"
            self._worker.send({**frame, "id": process.id})

    # Deaths

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._deaths.recv(4096)
        while (death := _next_death()) is not None:
            process = next((p for p in self._processes.values() if p.pid == death), None)
            if process is not None:
                # Before reaping: the zombie keeps its pid, and with it the group's, from reuse.
                process.signal_group(signal.SIGKILL)
            _, status = os.waitpid(death, 0)
            if process is not None:
                self._bury(process, status)

    def _bury(self, process: Forked, status: int) -> None:
        for frame in process.channel.drain():
            self._pass_on(process, frame)
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.channel)
        process.channel.close()
        del self._processes[process.id]
        if process.outcome is not None:
            told = {"type": "outcome", "id": process.id, "outcome": process.outcome}
            self._worker.send(told)
        self._worker.send({"type": "exited", "id": process.id, **_how_it_ended(status)})

    def _kill_everything(self) -> None:
        for process in self._processes.values():
            process.signal_group(signal.SIGKILL)
        give_up_at = time.monotonic() + _LAST_SECONDS
        # A step's end makes what left its group a child of this process: look again after each.
        while (left := linux.children()) and (seconds := give_up_at - time.monotonic()) > 0:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self._deaths], [], [], seconds)
            while (death := _next_death()) is not None:
                os.waitpid(death, 0)

    def _watch(self, source: Channel | socket.socket, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)


def _wake_on_deaths() -> socket.socket:
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    # Python writes to the descriptor only for signals that have a handler of its own.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    return reader


def _next_death() -> int | None:
    """Return the pid of a dead child that is not reaped yet; adopted orphans count."""
    try:
        death = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if death is None else death.si_pid


def _how_it_ended(status: int) -> dict[str, int | str | None]:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return {"code": code, "signal": None}
    return {"code": None, "signal": _signal_name(-code)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"SIG{number}"
