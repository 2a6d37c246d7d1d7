"""Answers Dagster's StepDelegatingExecutor: how a step is launched, looked after and terminated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster import DagsterEvent
from dagster._core.events import EngineEventData
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepHandler,
    StepHandlerContext,
)

from dagster_taskiq.launch import attempt_of, build_envelope, only_step_key

if TYPE_CHECKING:
    from dagster_taskiq.enqueue import EnvelopeSender
    from dagster_taskiq.envelope import Envelope
    from dagster_taskiq.resume import Replay


class TaskiqStepHandler(StepHandler):
    """Sends steps to SQS. What happens to them there, workers report in the event log."""

    def __init__(self, sender: EnvelopeSender) -> None:
        self._sender = sender
        self.replay: Replay | None = None
        """The log of the run, when this run worker resumes it."""

    @property
    def name(self) -> str:
        """Dagster's log shows it."""
        return "TaskiqStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Send the step, unless the log of a resumed run holds the attempt's end.

        Nobody can know whether the dead run worker came to send an attempt that is still open.
        Sending it again is harmless: the queue or the ledger recognises the second message.
        """
        if self._is_over(step_handler_context):
            return
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

    def check_step_health(
        self,
        step_handler_context: StepHandlerContext,  # noqa: ARG002
    ) -> CheckStepHealthResult:
        """Say "healthy", always: Dagster's executor would write the step's failure otherwise.

        The step may be waiting in the queue or running, and its worker reports whatever becomes of
        it; a second terminal event would fail the whole run.
        """
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Say who ends the step: workers watch the run's status, nothing can be sent to them."""
        step_context = step_handler_context.get_step_context(only_step_key(step_handler_context))
        yield DagsterEvent.engine_event(
            step_context,
            f'Step "{step_context.step.key}" ends with its run: a worker that runs it interrupts'
            " it when it sees the run's status, one that receives it later does not start it.",
            EngineEventData(),
        )

    def _is_over(self, context: StepHandlerContext) -> bool:
        if self.replay is None:
            return False
        return self.replay.launch(only_step_key(context), attempt_of(context))


def _metadata(envelope: Envelope, queue: str) -> dict[str, str | int]:
    return {
        "queue": queue,
        "attempt": envelope.retry_count,
        "idempotency_key": envelope.idempotency_key,
        "message_bytes": len(envelope.to_json()),
    }
