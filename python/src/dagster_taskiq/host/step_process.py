"""The life of one process that does work: birth, its work, its outcome, its end."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.host import capture_interrupts
from dagster_taskiq.host.child.birth import become_step_process
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.code.later_imports import installed_since
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.orders import (
    LookOrder,
    NoticeOrder,
    Order,
    ProbeOrder,
    ReportOrder,
    RunOrder,
)
from dagster_taskiq.host.wire.outcomes import MachineryFault, Outcome, fault
from dagster_taskiq.host.work.inheritance import NOTHING, Inheritance
from dagster_taskiq.host.work.look import look
from dagster_taskiq.host.work.probe import probe
from dagster_taskiq.host.work.report import report_step, write_notice
from dagster_taskiq.host.work.run_step import run_recorded_step, run_step

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.supervise.live import Live
    from dagster_taskiq.host.wire.admissions import Recording
    from dagster_taskiq.host.wire.channel import Channel


def live(
    order: Order,
    instance: DagsterInstance,
    channel: Channel,
    host_pid: int,
    lifeline: Lifeline,
    arrange: Callable[[], None] = lambda: None,
    inherited: Inheritance = NOTHING,
    recording: Recording | None = None,
) -> int:
    """Do the ordered work as a process of its own; return its exit code. Never raises.

    `arrange` changes what a fork has of its parent and must not share. `inherited` holds
    what the location host prepared. A step with a `recording` uses no database.
    """
    code = 1
    try:
        become_step_process(host_pid, lifeline, order.limits)
        arrange()
        # An interrupt is noted, and raised only where Dagster lets user code run.
        with capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
            outcome = _outcome_of(order, instance, channel, inherited, recording)
            if outcome is not None:
                channel.send({"type": "outcome", "outcome": outcome})
            _report_imports(channel, inherited)
            code = 1 if outcome is not None and outcome["kind"] == "fault" else 0
        instance.dispose()
    except BaseException:  # noqa: BLE001 - nothing may unwind into the host's stack
        traceback.print_exc(file=sys.stderr)
    return code


def live_with(inherited: Inheritance) -> Live:
    """Return the life of a process that inherits this."""
    return partial(live, inherited=inherited)


def _report_imports(channel: Channel, inherited: Inheritance) -> None:
    if inherited.modules is not None and (names := installed_since(inherited.modules)):
        channel.send({"type": "imports", "modules": names})


def _outcome_of(
    order: Order,
    instance: DagsterInstance,
    channel: Channel,
    inherited: Inheritance,
    recording: Recording | None,
) -> Outcome | None:
    try:
        if isinstance(order, RunOrder) and recording is not None:
            return run_recorded_step(order, instance, channel, inherited, recording)
        return _work(order, instance, channel, inherited)
    except MachineryFault as error:
        return fault(error.scope, error.error or error_from(error.__cause__ or error))
    except BaseException as error:  # noqa: BLE001 - the outcome reports every error
        return fault("step", error_from(error))


def _work(
    order: Order, instance: DagsterInstance, channel: Channel, inherited: Inheritance
) -> Outcome:
    match order:
        case ReportOrder():
            return report_step(order, instance, channel)
        case NoticeOrder():
            return write_notice(order, instance)
        case ProbeOrder():
            return probe(order, instance)
        case LookOrder():
            return look(order, instance)
        case _:
            return run_step(order, instance, channel, inherited)
