"""Decides whether an attempt may run, by where it stands, and says in the log what comes of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType

from dagster_taskiq.dagster_internals.shared import EngineEventData
from dagster_taskiq.host.record.attempt_log import AttemptLog
from dagster_taskiq.host.record.log_entry import log_entry
from dagster_taskiq.host.record.pool_slots import free_slot
from dagster_taskiq.host.record.standing import (
    Standing,
    already_over,
    not_open,
    reaching_storage,
    require_open,
)
from dagster_taskiq.host.wire.errors import error_info
from dagster_taskiq.host.wire.outcomes import MachineryFault, NotOpen, Outcome, outcome

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, EventLogEntry

    from dagster_taskiq.dagster_internals.shared import KnownExecutionState
    from dagster_taskiq.envelope import Envelope
    from dagster_taskiq.host.wire.orders import Delivery, StepId

# "fail": refuse to run an attempt again once its user code has begun.
_ON_WORKER_LOST = "taskiq/on_worker_lost"


@dataclass(frozen=True)
class Start:
    """The attempt may run."""

    run: DagsterRun
    state: KnownExecutionState


def decide_start(
    instance: DagsterInstance, step: StepId, envelope: Envelope, standing: Standing
) -> Start | Outcome:
    """Return what the step needs to run, or the outcome of an attempt that may not.

    Raises MachineryFault.
    """
    run = standing.run
    over = already_over(instance, standing, step)
    if over is not None and over["kind"] in ("run_over", "unknown_run"):
        _settle_without_running(instance, run, step, over)
    if over is not None or run is None:
        return over or outcome("run_over")
    try:
        state = require_open(instance, standing, step, envelope.op_name)
    except NotOpen as refused:
        return not_open(refused)
    if (rerun := _rerun_refused(standing.log, envelope)) is not None:
        return rerun
    if state is None:
        raise MachineryFault("step", f"run {step.run_id} has no execution plan snapshot")
    return Start(run, state)


def claim_of(job_name: str, step: StepId, delivery: Delivery) -> EventLogEntry:
    """Return the event that says which worker starts the attempt."""
    lost = delivery.taken_over_from
    text = f"Claimed by worker {delivery.worker}: start {delivery.starts}"
    text += f", taken over from worker {lost}, whose lease ended." if lost else "."
    metadata: dict[str, str | int] = {
        "worker": delivery.worker,
        "message_id": delivery.message_id,
        "receive_count": delivery.receive_count,
        "attempt": step.attempt,
        "starts": delivery.starts,
        **({"taken_over_from": lost} if lost else {}),
    }
    event = DagsterEvent(
        event_type_value=DagsterEventType.ENGINE_EVENT.value,
        job_name=job_name,
        message=text,
        event_specific_data=EngineEventData(metadata=metadata),
        step_key=step.step_key,
    )
    return log_entry(step.run_id, event, logging.INFO)


def _rerun_refused(log: AttemptLog, envelope: Envelope) -> Outcome | None:
    what = f"attempt {envelope.retry_count} of step {envelope.step_key}"
    if log.has_dynamic_outputs:
        message = f"{what} recorded dynamic outputs before its worker was lost"
        return outcome("rerun_refused", error=error_info("DynamicOutputsRecorded", message))
    if log.began and envelope.tags.get(_ON_WORKER_LOST) == "fail":
        message = f"{what} had begun when its worker was lost, and its tag says not to run it again"
        return outcome("rerun_refused", error=error_info("WorkerLost", message))
    return None


def _settle_without_running(
    instance: DagsterInstance, run: DagsterRun | None, step: StepId, ending: Outcome
) -> None:
    with reaching_storage():
        free_slot(instance, step.run_id, step.step_key)
        if run is not None:
            error = ending["error"]
            why = error["message"] if error else f"the run is {run.status.value}"
            text = f"Step {step.step_key} was not started: {why}."
            instance.report_engine_event(text, run, EngineEventData(), step_key=step.step_key)
