"""Work of kind `run`: one attempt of one step, from the first look at the log to its outcome."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dagster import DagsterRun

from dagster_taskiq.dagster_internals.host import (
    deserialize_value,
    serializable_error_info_from_exc_info,
)
from dagster_taskiq.dagster_internals.shared import EngineEventData, KnownExecutionState
from dagster_taskiq.host.record.gate import Gate
from dagster_taskiq.host.record.standing import look_up, reaching_storage
from dagster_taskiq.host.record.start import Start, claim_of, decide_start
from dagster_taskiq.host.wire.errors import causes_of, error_info
from dagster_taskiq.host.wire.outcomes import MachineryFault, Outcome, fault
from dagster_taskiq.host.work.compute_logs import capture_into_files
from dagster_taskiq.host.work.execution import (
    build_for_later_steps,
    execute,
    load_job,
    require_step,
)

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.envelope import Envelope
    from dagster_taskiq.host.record.sink import Sink
    from dagster_taskiq.host.wire.admissions import Recording
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import RunOrder
    from dagster_taskiq.host.work.inheritance import Inheritance


def run_step(
    order: RunOrder,
    instance: DagsterInstance,
    channel: Channel,
    inherited: Inheritance,
) -> Outcome:
    """Run the step unless Dagster's records forbid it, and write its events under a gate.

    Raises MachineryFault and what Dagster raises.
    """
    envelope, step = order.envelope, order.attempt
    decided = decide_start(instance, step, envelope, look_up(instance, step, inherited.plans))
    if not isinstance(decided, Start):
        return decided
    gate = Gate(instance, step, channel, reports_events=order.limits.silence is not None)
    try:
        with reaching_storage():
            instance.handle_new_event(claim_of(decided.run.job_name, step, order.delivery))
        _prepare_and_execute(instance, decided, order, channel, inherited)
    except MachineryFault:
        raise
    except BaseException as error:
        if gate.written is None:
            if _storage_failed(error, gate):
                raise MachineryFault("instance", "the Dagster storage failed") from error
            raise
    return gate.written or _nothing_written(envelope)


def run_recorded_step(
    order: RunOrder,
    instance: DagsterInstance,
    channel: Channel,
    inherited: Inheritance,
    recording: Recording,
    sink: Sink,
) -> Outcome | None:
    """Run the step, which the recorder has admitted, and send it the step's events.

    Return the outcome if the recorder has none. Raises MachineryFault and what Dagster raises.
    """
    admission = recording.admission
    run = inherited.run or deserialize_value(admission.run, DagsterRun)
    start = Start(run, deserialize_value(admission.state, KnownExecutionState))
    try:
        _prepare_and_execute(instance, start, order, channel, inherited)
    except BaseException:
        if not sink.ended:
            raise
    return None if sink.ended else _nothing_written(order.envelope)


def _prepare_and_execute(
    instance: DagsterInstance,
    start: Start,
    order: RunOrder,
    channel: Channel,
    inherited: Inheritance,
) -> None:
    envelope, run, job = order.envelope, start.run, start.run.job_name
    capture_into_files(
        lambda out, err: channel.send({"type": "capture", "stdout": out, "stderr": err, "job": job})
    )
    if inherited.job is not None:
        inherited.job.be_used()
    try:
        load_job(instance, run, order.broken)
        require_step(instance, run, envelope.step_key)
        if inherited.builds_job:
            built = build_for_later_steps(instance, run)
            if built is not None:
                built.be_used()
    except BaseException as error:
        _note_fault(instance, run, envelope, error)
        raise
    execute(instance, run, envelope, start.state)


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
