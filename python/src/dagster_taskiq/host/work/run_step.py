"""Work of kind `run`: one attempt of one step, from the first look at the log to its outcome."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.host import serializable_error_info_from_exc_info
from dagster_taskiq.dagster_internals.shared import EngineEventData
from dagster_taskiq.host.record.attempt_log import AttemptLog
from dagster_taskiq.host.record.gate import Gate
from dagster_taskiq.host.record.pool_slots import free_slot
from dagster_taskiq.host.record.standing import (
    already_over,
    look_up,
    not_open,
    reaching_storage,
    require_open,
)
from dagster_taskiq.host.wire.errors import causes_of, error_info
from dagster_taskiq.host.wire.outcomes import MachineryFault, NotOpen, Outcome, fault, outcome
from dagster_taskiq.host.work.compute_logs import capture_into_files
from dagster_taskiq.host.work.execution import execute, load_job, require_step

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from dagster_taskiq.dagster_internals.shared import KnownExecutionState
    from dagster_taskiq.envelope import Envelope
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import Delivery, RunOrder, StepId
    from dagster_taskiq.host.work.born_with import BornWith
    from dagster_taskiq.host.work.built_job import BuiltJob

# "fail": refuse to run an attempt again once its user code has begun.
_ON_WORKER_LOST = "taskiq/on_worker_lost"


def run_step(
    order: RunOrder,
    instance: DagsterInstance,
    channel: Channel,
    born_with: BornWith,
) -> Outcome:
    """Run the step unless Dagster's records forbid it.

    Raises MachineryFault and what Dagster raises.
    """
    envelope, step = order.envelope, order.attempt
    standing = look_up(instance, step, born_with.plans)
    over = already_over(instance, standing, step)
    if over is not None and over["kind"] in ("run_over", "unknown_run"):
        _settle_without_running(instance, standing.run, step, over)
    if over is not None or standing.run is None:
        return over or outcome("run_over")
    try:
        state = require_open(instance, standing, step, envelope.op_name)
    except NotOpen as refused:
        return not_open(refused)
    if (rerun := _rerun_refused(standing.log, envelope)) is not None:
        return rerun
    if state is None:
        raise MachineryFault("step", f"run {step.run_id} has no execution plan snapshot")
    gate = Gate(instance, step, channel, tells_events=order.limits.silence is not None)
    job = standing.run.job_name
    capture_into_files(
        lambda out, err: channel.send({"type": "capture", "stdout": out, "stderr": err, "job": job})
    )
    try:
        _prepare_and_execute(instance, standing.run, order, state, born_with.job)
    except MachineryFault:
        raise
    except BaseException as error:
        if gate.written is None:
            if _storage_failed(error, gate):
                raise MachineryFault("instance", "the Dagster storage failed") from error
            raise
    return gate.written or _nothing_written(envelope)


def _prepare_and_execute(
    instance: DagsterInstance,
    run: DagsterRun,
    order: RunOrder,
    state: KnownExecutionState,
    built: BuiltJob | None,
) -> None:
    envelope = order.envelope
    with reaching_storage():
        _note_claim(instance, run, envelope, order.delivery)
    if built is not None:
        built.be_used()
    try:
        load_job(instance, run, order.broken)
        require_step(instance, run, envelope.step_key)
    except BaseException as error:
        _note_fault(instance, run, envelope, error)
        raise
    execute(instance, run, envelope, state)


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
    instance: DagsterInstance, run: DagsterRun | None, step: StepId, told: Outcome
) -> None:
    with reaching_storage():
        free_slot(instance, step.run_id, step.step_key)
        if run is not None:
            error = told["error"]
            why = error["message"] if error else f"the run is {run.status.value}"
            text = f"Step {step.step_key} was not started: {why}."
            instance.report_engine_event(text, run, EngineEventData(), step_key=step.step_key)


def _note_claim(
    instance: DagsterInstance, run: DagsterRun, envelope: Envelope, delivery: Delivery
) -> None:
    lost = delivery.taken_over_from
    text = f"Claimed by worker {delivery.worker}: start {delivery.starts}"
    text += f", taken over from worker {lost}, whose lease ended." if lost else "."
    metadata: dict[str, str | int] = {
        "worker": delivery.worker,
        "message_id": delivery.message_id,
        "receive_count": delivery.receive_count,
        "attempt": envelope.retry_count,
        "starts": delivery.starts,
        **({"taken_over_from": lost} if lost else {}),
    }
    data = EngineEventData(metadata=metadata)
    instance.report_engine_event(text, run, data, step_key=envelope.step_key)


def _note_fault(
    instance: DagsterInstance, run: DagsterRun, envelope: Envelope, error: BaseException
) -> None:
    """Say in the run's own log why the step did not start, as Dagster's body would."""
    record = serializable_error_info_from_exc_info(sys.exc_info())
    text = f"Step {envelope.step_key} could not be started: {error}"
    with reaching_storage():
        data = EngineEventData.engine_error(record)
        instance.report_engine_event(text, run, data, step_key=envelope.step_key)


def _storage_failed(error: BaseException, gate: Gate) -> bool:
    return any(cause is gate.storage_error for cause in causes_of(error))


def _nothing_written(envelope: Envelope) -> Outcome:
    message = f"step {envelope.step_key} ended without a terminal event"
    return fault("step", error_info("NoTerminalEvent", message))
