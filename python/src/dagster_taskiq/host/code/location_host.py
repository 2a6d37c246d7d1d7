"""A location host: the process that imports one code location and forks its steps."""

from __future__ import annotations

import gc
import os
import signal
import traceback
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host import linux
from dagster_taskiq.host.birth import forget_exit_hooks
from dagster_taskiq.host.code.importing import build_job, import_code
from dagster_taskiq.host.code.sources import RunCode
from dagster_taskiq.host.code_files import CodeFiles
from dagster_taskiq.host.death import leave_now
from dagster_taskiq.host.guard import Guard
from dagster_taskiq.host.interrupts import HELD_SIGNALS
from dagster_taskiq.host.stacks import dump_on_signal
from dagster_taskiq.host.step_process import WORKS
from dagster_taskiq.host.supervise.orders import passed_term
from dagster_taskiq.host.supervise.supervisor import Supervisor

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.channel import Channel
    from dagster_taskiq.host.code.importing import CodeLocation
    from dagster_taskiq.host.frames import Frame
    from dagster_taskiq.host.lifeline import Lifeline


def be_location_host(
    location: CodeLocation,
    instance: DagsterInstance,
    base: Channel,
    base_pid: int,
    lifeline: Lifeline,
) -> NoReturn:
    """Be that process: import the code, say how it went, fork steps until told to stop."""
    code = 1
    try:
        _be_born(base_pid, lifeline)
        files = CodeFiles()
        error = import_code(instance, location)
        files.note_imported()
        base.send({"type": "imported", "error": error})
        if error is None:
            # What is imported stays: a look for garbage among it finds none, and copies it all.
            gc.freeze()
            LocationHost(base, instance, files).serve()
            code = 0
    except BaseException:  # noqa: BLE001 - nothing may unwind into the base's stack
        traceback.print_exc()
    leave_now(code)


class LocationHost(Supervisor):
    """Forks the steps of its code location as long as that is what lies on the disk."""

    def __init__(self, base: Channel, instance: DagsterInstance, files: CodeFiles) -> None:
        super().__init__(base, instance)
        self._files = files
        self._jobs: dict[str, RunCode] = {}
        self._built: set[str] = set()
        self._stopping = False

    def _is_done(self) -> bool:
        return self._stopping and not self._guards

    def _obey(self, frame: Frame, sent_after: float) -> None:  # noqa: ARG002 - terms are moments here
        if frame["type"] == "stop":
            self._stopping = True
        elif frame["type"] == "cancel":
            self._guards.cancel(frame["runs"], self._catch_up)
        elif (guard := self._guards.get(frame["id"])) is not None:
            self._tell(guard, frame, passed_term(frame))
        elif frame["type"] in WORKS:
            self._start(frame)

    def _do_due(self, now: float, *, expire: bool) -> None:
        pass

    def _end_of_other(self, pid: int) -> None:
        pass

    def _start(self, frame: Frame) -> None:
        if (path := self._files.changed()) is not None:
            # A fork would run old and new code side by side.
            self._upstream.post({"type": "stale", "id": frame["id"], "path": path})
            return
        self._build_jobs()
        code = RunCode.from_frame(frame["code"])
        if code.plain and code.origin not in self._built:
            self._jobs[frame["id"]] = code
        self._fork(frame, passed_term(frame))

    def _build_jobs(self) -> None:
        """Build, in this process, jobs that a step has built in its own: it did no harm there.

        Steps in flight that ask for a permit meanwhile wait as long; it happens once per job.
        """
        for identifier, code in list(self._jobs.items()):
            guard = self._guards.get(identifier)
            if guard is not None and not guard.process.asking:
                continue
            del self._jobs[identifier]
            if code.origin not in self._built:
                self._built.add(code.origin)
                build_job(self._instance, code)
                self._files.note_imported()
                self._reaper.deaths.watch()

    def _end_of(self, guard: Guard) -> Frame:
        return {**super()._end_of(guard), "canceled": guard.canceled}


def _be_born(base_pid: int, lifeline: Lifeline) -> None:
    os.setpgid(0, 0)
    # Not undone in the loop: the base takes its steps along, and the worker their groups.
    linux.die_with_parent(signal.SIGKILL)
    lifeline.drop()
    if os.getppid() != base_pid:
        os._exit(1)
    linux.adopt_orphans()
    linux.name_process("taskiq-code")
    forget_exit_hooks()
    dump_on_signal()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
