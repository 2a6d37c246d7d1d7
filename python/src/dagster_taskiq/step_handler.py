"""Answers Dagster's StepDelegatingExecutor: how a step is launched, looked after and terminated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterEvent

from dagster_taskiq.dagster_internals.producer import (
    CheckStepHealthResult,
    StepHandler,
    StepHandlerContext,
)
from dagster_taskiq.dagster_internals.shared import EngineEventData, StepFailureData
from dagster_taskiq.error_record import record_of
from dagster_taskiq.event_batch import written_at_once
from dagster_taskiq.instance_id import instance_id
from dagster_taskiq.launch import attempt_of, build_envelope, only_step_key
from dagster_taskiq.outgoing import MAX_BATCH, TooLargeError
from dagster_taskiq.resume import DEDUPLICATION_ID
from dagster_taskiq.tags import unknown_tags
from dagster_taskiq.wire_fields import WireError, require_names

if TYPE_CHECKING:
    from dagster_taskiq.dagster_internals.producer import IStepContext
    from dagster_taskiq.enqueue import EnvelopeSender
    from dagster_taskiq.envelope import Envelope
    from dagster_taskiq.outgoing import Message
    from dagster_taskiq.resume import Replay


@dataclass(frozen=True)
class _Launch:
    """A step that Dagster's executor wants launched."""

    step_context: IStepContext
    message: Message


class TaskiqStepHandler(StepHandler):
    """Sends steps to SQS. What happens to them there, workers report in the event log.

    What the executor launches in one go is sent together: ten steps at once, and the rest by
    `flush`, which the executor calls before it waits for anything.
    """

    def __init__(self, sender: EnvelopeSender) -> None:
        self._sender = sender
        self._instance_id: str | None = None
        self._is_identified = False
        self._launches: list[_Launch] = []
        self._doubted: set[tuple[str | None, str]] = set()
        self.replay: Replay | None = None
        """The log of the run, when this run worker resumes it."""
        self.in_flight: set[str | None] = set()
        """The keys of steps that were launched and whose end the executor has not read."""

    @property
    def name(self) -> str:
        """Dagster's log shows it."""
        return "TaskiqStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Send the step with others, unless the log of a resumed run holds the attempt's end.

        A step that no message can carry fails by itself, because an exception here would end the
        run.

        It is unknown whether the dead run worker came to send an attempt that is still open.
        Sending it again is harmless, because the queue or the ledger recognises the second message.
        The log has the deduplication id of the first, which cannot be guessed from the step.
        """
        self.in_flight.add(only_step_key(step_handler_context))
        if self._is_over(step_handler_context):
            return
        step_context = step_handler_context.get_step_context(only_step_key(step_handler_context))
        try:
            require_names(step_context.run_id, step_context.step.key)
            envelope = build_envelope(step_handler_context, self._identity(step_handler_context))
            known = self._deduplication_id(step_handler_context)
            message = self._sender.message(envelope, step_context.log.warning, known)
        except (WireError, TooLargeError) as error:
            _fail(step_context, error)
            return
        self._doubt_tags(step_context, envelope)
        self._launches.append(_Launch(step_context, message))
        if len(self._launches) == MAX_BATCH:
            self.flush()
        yield from ()

    def flush(self) -> None:
        """Send what was launched. Raises EnqueueError."""
        launches, self._launches = self._launches, []
        if not launches:
            return
        # Before the send: a fast worker's first event would otherwise stand above this one, and a
        # run worker that resumes the run needs the deduplication id.
        with written_at_once(launches[0].step_context.instance.event_log_storage):
            for launch in launches:
                _announce(launch)
        self._sender.send([launch.message for launch in launches])

    def check_step_health(
        self,
        step_handler_context: StepHandlerContext,  # noqa: ARG002
    ) -> CheckStepHealthResult:
        """Say "healthy", because Dagster's executor would otherwise write the step's failure.

        The step may be waiting in the queue or running, and its worker reports its end. A second
        terminal event would fail the whole run.
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

    def _doubt_tags(self, step_context: IStepContext, envelope: Envelope) -> None:
        """Warn of tags that nothing reads, once for each op: it may be mapped to thousands."""
        for name, text in unknown_tags(envelope.tags).items():
            if (envelope.op_name, name) not in self._doubted:
                self._doubted.add((envelope.op_name, name))
                step_context.log.warning(text)

    def _identity(self, context: StepHandlerContext) -> str | None:
        """Read it once per run. Without one, workers tell foreign messages by their run alone."""
        if not self._is_identified:
            self._instance_id = instance_id(context.instance)
            self._is_identified = True
        return self._instance_id

    def _deduplication_id(self, context: StepHandlerContext) -> str | None:
        if self.replay is None:
            return None
        return self.replay.sent_as(only_step_key(context), attempt_of(context))

    def _is_over(self, context: StepHandlerContext) -> bool:
        if self.replay is None:
            return False
        return self.replay.launch(only_step_key(context), attempt_of(context))


def _announce(launch: _Launch) -> None:
    message = launch.message
    envelope = message.envelope
    DagsterEvent.step_worker_starting(
        launch.step_context,
        message=f'Sending step "{envelope.step_key}" to queue {message.queue}.',
        metadata={
            "queue": str(message.queue),
            "attempt": envelope.retry_count,
            "idempotency_key": envelope.idempotency_key,
            "message_bytes": len(message.body),
            DEDUPLICATION_ID: message.deduplication_id,
        },
    )


def _fail(step_context: IStepContext, error: WireError | TooLargeError) -> None:
    """Write the failure that a worker would never come to write."""
    message = f"The step cannot be sent to a taskiq worker: {error}"
    name = "NameRefused" if isinstance(error, WireError) else type(error).__name__
    data = StepFailureData(record_of(name, str(error)), user_failure_data=None)
    DagsterEvent.step_failure_event(step_context, data, message)
