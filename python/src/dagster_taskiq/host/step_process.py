"""The life of one forked process: be born, do its one piece of work, tell the outcome, end."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dagster._utils.interrupts import capture_interrupts

from dagster_taskiq.host.child.birth import become_step_process
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.limits import Limits
from dagster_taskiq.host.wire.outcomes import MachineryFault, Outcome, fault
from dagster_taskiq.host.work.look import look
from dagster_taskiq.host.work.probe import probe
from dagster_taskiq.host.work.report import report_step, write_notice
from dagster_taskiq.host.work.run_step import run_step

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import Frame

Work = Callable[["Frame", "DagsterInstance", "Channel"], Outcome]

WORKS: Mapping[str, Work] = {
    "run": run_step,
    "report": report_step,
    "notice": write_notice,
    "probe": probe,
    "look": look,
}


def live(
    frame: Frame,
    instance: DagsterInstance,
    channel: Channel,
    host_pid: int,
    lifeline: Lifeline,
    arrange: Callable[[], None] = lambda: None,
) -> int:
    """Do the work of `frame` as a process of its own; return its exit code. Never raises.

    `arrange` sees to what a fork has of its parent.
    """
    code = 1
    try:
        become_step_process(host_pid, lifeline, Limits.from_frame(frame))
        arrange()
        # An interrupt is noted, and raised only where Dagster lets user code run.
        with capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
            told = _outcome_of(frame, instance, channel)
            channel.send({"type": "outcome", "outcome": told})
            code = 1 if told["kind"] == "fault" else 0
        instance.dispose()
    except BaseException:  # noqa: BLE001 - nothing may unwind into the host's stack
        traceback.print_exc(file=sys.stderr)
    return code


def _outcome_of(frame: Frame, instance: DagsterInstance, channel: Channel) -> Outcome:
    try:
        return WORKS[frame["type"]](frame, instance, channel)
    except MachineryFault as error:
        return fault(error.scope, error.error or error_from(error.__cause__ or error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        return fault("step", error_from(error))
