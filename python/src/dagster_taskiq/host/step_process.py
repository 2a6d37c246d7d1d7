"""The life of one process that does work: birth, its work, its outcome, its end."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
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
from dagster_taskiq.host.work.born_with import NOTHING, BornWith
from dagster_taskiq.host.work.look import look
from dagster_taskiq.host.work.probe import probe
from dagster_taskiq.host.work.report import report_step, write_notice
from dagster_taskiq.host.work.run_step import run_recorded_step, run_step

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.admissions import Recording
    from dagster_taskiq.host.wire.channel import Channel


def live(
    order: Order,
    instance: DagsterInstance,
    channel: Channel,
    host_pid: int,
    lifeline: Lifeline,
    arrange: Callable[[], None] = lambda: None,
    born_with: BornWith = NOTHING,
    recording: Recording | None = None,
) -> int:
    """Do the ordered work as a process of its own; return its exit code. Never raises.

    `arrange` changes what a fork has of its parent and must not share. `born_with` holds
    what a fork need not find out itself. A step with a `recording` uses no database.
    """
    code = 1
    try:
        become_step_process(host_pid, lifeline, order.limits)
        arrange()
        # An interrupt is noted, and raised only where Dagster lets user code run.
        with capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
            told = _outcome_of(order, instance, channel, born_with, recording)
            if told is not None:
                channel.send({"type": "outcome", "outcome": told})
            _report_imports(channel, born_with)
            code = 1 if told is not None and told["kind"] == "fault" else 0
        instance.dispose()
    except BaseException:  # noqa: BLE001 - nothing may unwind into the host's stack
        traceback.print_exc(file=sys.stderr)
    return code


def _report_imports(channel: Channel, born_with: BornWith) -> None:
    if born_with.modules is not None and (names := installed_since(born_with.modules)):
        channel.send({"type": "imports", "modules": names})


def _outcome_of(
    order: Order,
    instance: DagsterInstance,
    channel: Channel,
    born_with: BornWith,
    recording: Recording | None,
) -> Outcome | None:
    try:
        if isinstance(order, RunOrder) and recording is not None:
            return run_recorded_step(order, instance, channel, born_with, recording)
        return _work(order, instance, channel, born_with)
    except MachineryFault as error:
        return fault(error.scope, error.error or error_from(error.__cause__ or error))
    except BaseException as error:  # noqa: BLE001 - the outcome reports every error
        return fault("step", error_from(error))


def _work(
    order: Order, instance: DagsterInstance, channel: Channel, born_with: BornWith
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
            return run_step(order, instance, channel, born_with)
