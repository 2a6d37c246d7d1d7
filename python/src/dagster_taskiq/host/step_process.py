"""The life of one process that does work: birth, its work, its outcome, its end."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dagster_taskiq.host.child.birth import become_step_process
from dagster_taskiq.host.recorded_steps import RecordedSteps, do_work
from dagster_taskiq.host.supervise.live import ONE_TURN
from dagster_taskiq.host.wire.orders import (
    LookOrder,
    NoticeOrder,
    Order,
    ProbeOrder,
    ReportOrder,
    RunOrder,
)
from dagster_taskiq.host.wire.outcomes import Outcome
from dagster_taskiq.host.work.inheritance import NOTHING, Inheritance
from dagster_taskiq.host.work.look import look
from dagster_taskiq.host.work.probe import probe
from dagster_taskiq.host.work.report import report_step, write_notice
from dagster_taskiq.host.work.run_step import run_step

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.supervise.live import Live, Turns
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
    turns: Turns = ONE_TURN,
) -> int:
    """Do the ordered work as a process of its own; return its exit code. Never raises.

    `arrange` changes what a fork has of its parent and must not share. `inherited` holds
    what the location host prepared. A step with a `recording` uses no database, and its process may
    run further steps of the run.
    """
    code = 1
    try:
        become_step_process(host_pid, lifeline, order.limits)
        arrange()
        if isinstance(order, RunOrder) and recording is not None:
            process = RecordedSteps(instance, channel, inherited)
            code = process.run_all(order, recording, turns)
        else:
            code = do_work(channel, inherited, lambda: _work(order, instance, channel, inherited))
        instance.dispose()
    except BaseException:  # noqa: BLE001 - nothing may unwind into the host's stack
        traceback.print_exc(file=sys.stderr)
    return code


def live_with(inherited: Inheritance) -> Live:
    """Return the life of a process that inherits this."""
    return partial(live, inherited=inherited)


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
