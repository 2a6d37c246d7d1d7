"""The steps of a process whose events the recorder writes: one, or several of the same run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.host import capture_interrupts
from dagster_taskiq.dagster_internals.patches import resolve_config_once
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.code.later_imports import installed_since
from dagster_taskiq.host.later_steps import LaterSteps
from dagster_taskiq.host.record.sink import Sink
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.outcomes import MachineryFault, Outcome, fault
from dagster_taskiq.host.work.run_step import run_recorded_step

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.supervise.live import Turns
    from dagster_taskiq.host.wire.admissions import Recording
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import RunOrder
    from dagster_taskiq.host.work.inheritance import Inheritance


class RecordedSteps:
    """Runs them one after the other."""

    def __init__(self, instance: DagsterInstance, channel: Channel, inherited: Inheritance) -> None:
        self._instance = instance
        self._channel = channel
        self._inherited = inherited
        self._has_job = inherited.job is not None
        self._sink: Sink | None = None

    def run_all(self, order: RunOrder, recording: Recording, turns: Turns) -> int:
        """Run the step, and those that the supervisor gives it afterwards; return the exit code."""
        if turns.most == 1:
            return self._run(order, recording)
        resolve_config_once()
        later = LaterSteps(turns, self._channel, order.limits, recording)
        while True:
            code = self._run(order, recording)
            if self._sink is None or not self._sink.ended or code != 0:
                return code
            if not later.may_come(recording):
                return code
            self._sink.close()
            if (given := later.next()) is None:
                return code
            last, (order, recording) = recording, given
            self._inherit_from(last, recording)

    def _run(self, order: RunOrder, recording: Recording) -> int:
        return do_work(self._channel, self._inherited, lambda: self._record(order, recording))

    def _record(self, order: RunOrder, recording: Recording) -> Outcome | None:
        listens = None if order.limits.silence is None else self._channel
        if self._sink is None:
            self._sink = Sink(self._instance, order.attempt, recording.recorder, listens)
        else:
            self._sink.begin(order.attempt, recording.recorder, listens)
        return run_recorded_step(
            order, self._instance, self._channel, self._inherited, recording, self._sink
        )

    def _inherit_from(self, last: Recording, next_one: Recording) -> None:
        """Keep what the last step had. Dagster goes on using a job that was built for one."""
        modules = None if self._inherited.modules is None else len(sys.modules)
        same = next_one.admission.run == last.admission.run
        run = self._inherited.run if same else None
        builds, self._has_job = not self._has_job, True
        self._inherited = replace(
            self._inherited, job=None, modules=modules, run=run, builds_job=builds
        )


def do_work(channel: Channel, inherited: Inheritance, work: Callable[[], Outcome | None]) -> int:
    """Do the work, report its outcome, and return the exit code. `None`: the recorder has it."""
    # An interrupt is noted, and raised only where Dagster lets user code run.
    with capture_interrupts():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
        outcome = _outcome_of(work)
        if outcome is not None:
            channel.send({"type": "outcome", "outcome": outcome})
        if inherited.modules is not None and (names := installed_since(inherited.modules)):
            channel.send({"type": "imports", "modules": names})
    return 1 if outcome is not None and outcome["kind"] == "fault" else 0


def _outcome_of(work: Callable[[], Outcome | None]) -> Outcome | None:
    try:
        return work()
    except MachineryFault as error:
        return fault(error.scope, error.error or error_from(error.__cause__ or error))
    except BaseException as error:  # noqa: BLE001 - the outcome reports every error
        return fault("step", error_from(error))
