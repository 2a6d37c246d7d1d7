"""A location host: the process that imports one code location and forks its steps."""

from __future__ import annotations

import gc
import math
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.child.birth import become_child
from dagster_taskiq.host.child.exit import end_process
from dagster_taskiq.host.child.exit_hooks import forget_hooks
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.child.stacks import dump_on_signal
from dagster_taskiq.host.code.changes import CodeFiles
from dagster_taskiq.host.code.importing import build_job, import_ahead, import_code, try_modules
from dagster_taskiq.host.code.late_code import are_unchanged
from dagster_taskiq.host.code.left_behind import LeftBehind
from dagster_taskiq.host.location.built_jobs import BuiltJobs
from dagster_taskiq.host.location.handover import HANDOVER, RECORDER, Handover
from dagster_taskiq.host.location.imports_ahead import ImportsAhead
from dagster_taskiq.host.location.unpacked_plans import UnpackedPlans
from dagster_taskiq.host.location.unpacked_runs import UnpackedRuns
from dagster_taskiq.host.supervise.fork import Forked, fork_process
from dagster_taskiq.host.supervise.guard import Guard, Rest
from dagster_taskiq.host.supervise.recycler import Recycling
from dagster_taskiq.host.supervise.supervisor import Supervisor
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.orders import RunOrder
from dagster_taskiq.host.wire.steering import steering_from
from dagster_taskiq.host.wire.terms import term_of
from dagster_taskiq.host.work.inheritance import NOTHING, Inheritance, LiveWith

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.code.importing import CodeLocation
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import Frame
    from dagster_taskiq.host.work.built_job import BuiltJob

# Exit hooks may take as long; then the process is killed.
_END_SECONDS = 60
# A database driver's pool may have a hundred connections.
_MOST_SENT = 8
# What a process records only after it has built the job and its plan.
_RECORDED = ("success", "failure", "up_for_retry", "resource_init_failure")


def be_location_host(
    location: CodeLocation,
    instance: DagsterInstance,
    base: Channel,
    base_pid: int,
    lifeline: Lifeline,
    live_with: LiveWith,
    *,
    imports_ahead: bool,
    steps_per_process: int,
) -> NoReturn:
    """Import the code, report how that went, and fork steps until the base says stop."""
    code = 1
    try:
        _be_born(base_pid, lifeline)
        files, left = CodeFiles(), LeftBehind()
        with left.importing():
            imported = import_code(instance, location)
        files.note_imported(left.watch)
        unforkable = left.unforkable[:_MOST_SENT]
        result = {"error": imported.error, "unforkable": unforkable, "counts": imported.counts}
        base.send({"type": "imported", **result})
        if imported.error is None:
            # What is imported stays: a look for garbage among it finds none, and copies it all.
            gc.freeze()
            host = LocationHost(
                base, instance, live_with, location.location, files, left, steps_per_process
            )
            if imports_ahead:
                host.ask_for_imports()
            host.serve()
            code = 0
    except BaseException:  # noqa: BLE001 - nothing may unwind into the base's stack
        traceback.print_exc()
    # What the code made at import goes now, at the latest when the kernel's patience ends.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_END_SECONDS)
    end_process(code)


class LocationHost(Supervisor):
    """Forks the steps of its code location until the code on the disk changes."""

    def __init__(
        self,
        base: Channel,
        instance: DagsterInstance,
        live_with: LiveWith,
        location: str | None,
        files: CodeFiles,
        left: LeftBehind,
        steps_per_process: int,
    ) -> None:
        recycling = Recycling(
            steps_per_process,
            lambda order: isinstance(order, RunOrder),
            _is_current,
            left.arrange_turn,
        )
        super().__init__(base, instance, live_with(NOTHING), recycling)
        base.expect_descriptors()
        self._live_with = live_with
        self._location = location
        self._files = files
        self._left = left
        self._plans = UnpackedPlans()
        self._runs = UnpackedRuns()
        self._jobs = BuiltJobs(self._build_job)
        self._ahead: ImportsAhead | None = None
        self._stopping = False

    def ask_for_imports(self) -> None:
        """Import what steps are seen to import, from now on."""
        self._ahead = ImportsAhead(self._fork_trial, self._import_ahead)

    def _is_done(self) -> bool:
        return self._stopping and not self._guards and not self._recycler

    def _obey(self, frame: Frame, sent_after: float) -> None:  # noqa: ARG002 - terms are moments here
        if frame["type"] == "stop":
            self._stopping = True
            self._recycler.close()
        elif frame["type"] == "cancel":
            self._cancel(frame["runs"])
        elif frame["type"] == RECORDER:
            self._recordings.follow(socket.socket(fileno=self._upstream.take_descriptor()))
        elif frame["type"] == HANDOVER:
            self._start(Handover.from_frame(frame))
        elif (guard := self._guards.get(frame["id"])) is not None:
            steering = steering_from(frame, term_of(frame.get("until")))
            if steering is not None:
                self._steer(guard, steering)

    def _do_due(self, now: float, *, expire: bool) -> None:  # noqa: ARG002 - of the base alone
        if self._ahead is not None and not self._stopping:
            self._ahead.do_due(now)

    def _wakes_at(self) -> float:
        return math.inf if self._ahead is None or self._stopping else self._ahead.wakes_at()

    def _arrange_fork(self) -> None:
        self._left.arrange()

    def _channels(self) -> Iterable[Channel]:
        trial = None if self._ahead is None else self._ahead.trial
        return chain(super()._channels(), [] if trial is None else [trial.channel])

    def _end_of_other(self, pid: int) -> None:
        if self._ahead is not None and (trial := self._ahead.lost(pid)) is not None:
            self._close_channel(trial.channel)

    def _start(self, given: Handover) -> None:
        order, code = given.order, given.code
        if (path := self._files.changed()) is not None:
            # A fork would run old and new code side by side.
            self._upstream.post({"type": "stale", "id": order.id, "path": path})
            return
        job, admission = None, given.admission
        if isinstance(order, RunOrder):
            if not self._left.unforkable:
                if self._recycle(order, given.until, admission):
                    return
                job = self._jobs.of(order.id, code)
            # By its import, or by what was just built.
            if self._left.unforkable and not order.must_fork:
                self._upstream.post({"type": "unforkable", "id": order.id})
                return
        modules = None if self._ahead is None else len(sys.modules)
        if admission is not None:
            run = self._runs.of(admission.run)
            inherited = Inheritance(job=job, modules=modules, run=run)
        else:
            plans = {} if code.plan is None else self._plans.of(code.plan)
            inherited = Inheritance(plans, job, modules)
        self._fork(order, given.until, self._live_with(inherited), admission)

    def _build_job(self, code: RunCode) -> BuiltJob | None:
        """Build it in this process. A step that asks for a permit meanwhile waits as long."""
        with self._among_user_code("a job was built"):
            return build_job(self._instance, code)

    @contextmanager
    def _among_user_code(self, what: str) -> Iterator[None]:
        """Run user code inside as at its import. `what` names the occasion in the worker's log."""
        before = len(self._left.unforkable)
        with self._left.building():
            yield
        if len(self._left.unforkable) > before:
            left = [f"{each} (since {what})" for each in self._left.unforkable]
            self._upstream.post({"type": "left_behind", "unforkable": left[:_MOST_SENT]})
        self._files.note_imported(self._left.watch)
        self._reaper.exits.watch()

    # What steps import besides

    def _note_imports(self, modules: object) -> None:
        if self._ahead is not None and not self._stopping:
            self._ahead.note(modules)

    def _fork_trial(self, harmless: Sequence[str], names: Sequence[str]) -> Forked:
        be = partial(self._be_trial, (harmless, names), os.getpid())
        trial = fork_process("", be)
        self._reaper.spare(trial.pid)
        self._watch(trial.channel, partial(self._read_trial, trial))
        return trial

    def _be_trial(
        self, names: tuple[Sequence[str], Sequence[str]], host_pid: int, channel: Channel
    ) -> NoReturn:
        self._let_go()
        become_child(host_pid, self._lifeline)
        try_modules(self._instance, self._location, names, channel.send)
        os._exit(0)

    def _read_trial(self, trial: Forked) -> None:
        try:
            if self._ahead is not None:
                self._ahead.read()
        except (EOFError, OSError):
            self._selector.unregister(trial.channel)

    def _import_ahead(self, name: str) -> None:
        with self._among_user_code(f"{name} was imported for its steps"):
            import_ahead(self._instance, self._location, name)
        gc.freeze()

    def _end_of(self, guard: Guard) -> Frame:
        outcome = guard.process.outcome
        ended = outcome is not None and outcome.get("kind") in _RECORDED
        self._jobs.note_end(guard.process.id, came_to_its_end=ended)
        return {**super()._end_of(guard), "canceled": guard.canceled}


def _is_current(rest: Rest) -> bool:
    return are_unchanged(rest.files)


def _be_born(base_pid: int, lifeline: Lifeline) -> None:
    os.setpgid(0, 0)
    # Not undone in the loop: the base takes its steps along, and the worker their groups.
    linux.die_with_parent(signal.SIGKILL)
    lifeline.drop()
    if os.getppid() != base_pid:
        os._exit(1)
    linux.adopt_orphans()
    linux.name_process("taskiq-code")
    forget_hooks()
    dump_on_signal()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
