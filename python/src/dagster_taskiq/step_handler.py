"""Answers Dagster's StepDelegatingExecutor: how a step is launched, looked after and terminated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster import DagsterEvent
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepHandler,
    StepHandlerContext,
)

from dagster_taskiq.launch import attempt_of, build_envelope, only_step_key, retry_delay

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

    from dagster_taskiq.enqueue import EnvelopeSender
    from dagster_taskiq.envelope import Envelope


class TaskiqStepHandler(StepHandler):
    """Sends steps to SQS. What happens to them there, workers report in the event log.

    Health checks. Dagster's executor asks in two situations and does two different things with
    "unhealthy": when it resumes a run whose run worker died, it launches the step again; at any
    other time it writes the step's failure. A failure must never be invented here: the step may
    be waiting in the queue or running, and its worker reports whatever becomes of it; a second
    terminal event would fail the whole run. So "unhealthy" may only be said while resuming.

    A step that is asked about was either launched by this handler, or taken over while resuming,
    and taking it over begins with a check. So the first question about an attempt that was not
    launched here is the resuming one, and every later question is not: `_known` tells them apart.

    While resuming, "launch again" is always the safe answer. Nobody can know whether the dead run
    worker came to send the step; if it did, the queue or the ledger recognises the second message.
    """

    def __init__(self, sender: EnvelopeSender) -> None:
        self._sender = sender
        self._known: set[tuple[str, str, int]] = set()
        self.unanswered: dict[str, SerializableErrorInfo] = {}
        """Resource failures that the dead run worker left without a verdict; see resume.py."""

    @property
    def name(self) -> str:
        """Dagster's log shows it."""
        return "TaskiqStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Send the step. Launching the same attempt again is harmless."""
        self._known.add(_identity(step_handler_context))
        envelope = build_envelope(step_handler_context)
        step_context = step_handler_context.get_step_context(envelope.step_key)
        queue = str(self._sender.queue_for(envelope))
        # Before the send: a fast worker's first event would otherwise stand above this one.
        yield DagsterEvent.step_worker_starting(
            step_context,
            message=f'Sending step "{envelope.step_key}" to queue {queue}.',
            metadata=_metadata(envelope, queue),
        )
        self._sender.send(envelope, warn=step_context.log.warning)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Say "unhealthy" only to have a resumed run launch the step again (see the class)."""
        identity = _identity(step_handler_context)
        if identity in self._known:
            return CheckStepHealthResult.healthy()
        self._known.add(identity)
        error = self.unanswered.pop(only_step_key(step_handler_context), None)
        if error is not None:
            _end_after_resource_failure(step_handler_context, error)
            return CheckStepHealthResult.healthy()
        return CheckStepHealthResult.unhealthy(
            "this run worker did not launch it; if a worker already has it, launching it again"
            " changes nothing"
        )

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Say who ends the step: workers watch the run's status, nothing can be sent to them."""
        step_context = step_handler_context.get_step_context(only_step_key(step_handler_context))
        yield DagsterEvent.engine_event(
            step_context,
            f'Step "{step_context.step.key}" ends with its run: a worker that runs it interrupts'
            " it when it sees the run's status, one that receives it later does not start it.",
            EngineEventData(),
        )


def _identity(context: StepHandlerContext) -> tuple[str, str, int]:
    return context.execute_step_args.run_id, only_step_key(context), attempt_of(context)


def _metadata(envelope: Envelope, queue: str) -> dict[str, str | int]:
    return {
        "queue": queue,
        "attempt": envelope.retry_count,
        "idempotency_key": envelope.idempotency_key,
        "message_bytes": len(envelope.to_json()),
    }


def _end_after_resource_failure(context: StepHandlerContext, error: SerializableErrorInfo) -> None:
    """Write what Dagster's executor writes after RESOURCE_INIT_FAILURE, when it came not to it.

    Only the run worker owes this event: workers take the attempt as over.
    """
    step_context = context.get_step_context(only_step_key(context))
    delay = retry_delay(context)
    if delay is None:
        failure = StepFailureData(error=error, user_failure_data=None)
        DagsterEvent.step_failure_event(step_context=step_context, step_failure_data=failure)
    else:
        retry = StepRetryData(error=error, seconds_to_wait=delay)
        DagsterEvent.step_retry_event(step_context, retry)
