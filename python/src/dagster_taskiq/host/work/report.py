"""Work of kinds `report` and `notice`: writes events about a step without loading user code."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType

from dagster_taskiq.dagster_internals.host import StepHandle
from dagster_taskiq.dagster_internals.shared import EngineEventData, StepFailureData, StepRetryData
from dagster_taskiq.error_record import record_of
from dagster_taskiq.host.record.attempt_log import AttemptLog, result_of
from dagster_taskiq.host.record.gate import Gate
from dagster_taskiq.host.record.standing import (
    already_over,
    look_up,
    not_open,
    reaching_storage,
    require_open,
)
from dagster_taskiq.host.wire.errors import error_info
from dagster_taskiq.host.wire.outcomes import NotOpen, Outcome, ended_now, outcome

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import NoticeOrder, ReportOrder

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def report_step(order: ReportOrder, instance: DagsterInstance, channel: Channel) -> Outcome:
    """End an attempt that the machinery could not run, under a permit."""
    event = end_of_attempt(order, instance)
    if not isinstance(event, DagsterEvent):
        return event
    step = order.attempt
    gate = Gate(instance, step, channel, reported)
    with reaching_storage():
        instance.report_dagster_event(event, step.run_id, log_level=logging.ERROR)
    return gate.written or outcome("permit_refused")


def end_of_attempt(order: ReportOrder, instance: DagsterInstance) -> DagsterEvent | Outcome:
    """Return the event that ends it: retry, or failure. Writes nothing.

    Return the outcome of an attempt that is over, not open, or left open (`park`). Raises
    MachineryFault.
    """
    step = order.attempt
    standing = look_up(instance, step)
    over = already_over(instance, standing, step)
    if over is not None or standing.run is None:
        return over or outcome("run_over")
    try:
        require_open(instance, standing, step)
    except NotOpen as refused:
        return not_open(refused)
    error = error_info(_class_of(order.reason), order.message)
    if order.park:
        return outcome("parked", ended_now("parked", error=error), error)
    return _terminal_event(order, standing.run)


def write_notice(order: NoticeOrder, instance: DagsterInstance) -> Outcome:
    """Write one engine event into the run's log."""
    with reaching_storage():
        run = instance.get_run_by_id(order.run_id)
        if run is None:
            return outcome("run_over", ended_now("run_over"))
        event = DagsterEvent(
            event_type_value=DagsterEventType.ENGINE_EVENT.value,
            job_name=run.job_name,
            message=order.message,
            event_specific_data=EngineEventData(metadata=dict(order.metadata)),
            step_key=order.step_key,
        )
        level = _LEVELS.get(order.level, logging.INFO)
        instance.report_dagster_event(event, run.run_id, log_level=level)
    return outcome("noticed")


def _terminal_event(order: ReportOrder, run: DagsterRun) -> DagsterEvent:
    key, retry_in = order.attempt.step_key, order.retry_in
    error = record_of(_class_of(order.reason), order.message)
    if retry_in is None:
        kind = DagsterEventType.STEP_FAILURE
        data: StepFailureData | StepRetryData = StepFailureData(error, user_failure_data=None)
    else:
        kind = DagsterEventType.STEP_UP_FOR_RETRY
        data = StepRetryData(error, seconds_to_wait=retry_in)
    return DagsterEvent(
        event_type_value=kind.value,
        job_name=run.job_name,
        # Re-execution from failure looks only at events that have a handle.
        step_handle=StepHandle.parse_from_key(key),  # type: ignore[arg-type]
        event_specific_data=data,
        message=_sentence(order),
        step_key=key,
    )


def _sentence(order: ReportOrder) -> str:
    delivery = order.delivery
    return (
        f"Step {order.attempt.step_key} was given up by worker {delivery.worker} after"
        f" {delivery.starts} starts: {order.message}"
    )


def reported(log: AttemptLog) -> Outcome:
    """Describe what ended the attempt."""
    written = result_of(log)
    return outcome("reported", {**written, "state": "reported"}, written["error"])


def _class_of(reason: str) -> str:
    """`crash_loop` → `CrashLoop`, so that it reads like the other error classes."""
    return "".join(word.capitalize() for word in reason.split("_")) or "Unknown"
