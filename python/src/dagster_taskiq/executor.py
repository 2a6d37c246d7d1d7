"""The executor that a Dagster job names: `executor_def=taskiq_executor`."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dagster_taskiq.supported_dagster import require_supported_dagster

# Other versions of Dagster lack some of what is imported from here on.
require_supported_dagster()

from dagster import DagsterEvent, DagsterEventType, InitExecutorContext, executor
from dagster import multiple_process_executor_requirements as needs_other_processes

from dagster_taskiq import settings
from dagster_taskiq.dagster_internals.producer import (
    PlanOrchestrationContext,
    StepDelegatingExecutor,
    StepDependencyConfig,
)
from dagster_taskiq.dagster_internals.shared import EngineEventData, RetryMode
from dagster_taskiq.enqueue import EnvelopeSender
from dagster_taskiq.local_run import mark_local_run
from dagster_taskiq.notifications import notifications_of
from dagster_taskiq.pauses import Pauses
from dagster_taskiq.resume import Replay, no_slots_for_the_past
from dagster_taskiq.second_look import SecondLook
from dagster_taskiq.step_handler import TaskiqStepHandler

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.dagster_internals.producer import ExecutionPlan

# A commit is late by milliseconds, by seconds on a machine that has too much to do, and by minutes
# when the process was frozen in between.
LOOK_AGAIN_SECONDS = (10.0, 300.0)

_ENDS = (
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
)
# What the executor acts on. All other events can wait for the next look.
_NEWS = (*_ENDS, DagsterEventType.RESOURCE_INIT_FAILURE)


@executor(
    name="taskiq",
    config_schema=settings.config_schema(),
    requirements=needs_other_processes(),
)
def taskiq_executor(context: InitExecutorContext) -> TaskiqExecutor:
    """Run each step on a taskiq worker, fed by an SQS queue.

    The run worker sends a message per step and follows the run's event log. Workers receive the
    messages, execute the steps with the code location they were started with, and record each
    outcome once. Retries, pools, tag concurrency limits and priorities work as with Dagster's own
    executors, and `max_concurrent` counts queued steps too.

    .. code-block:: python

        from dagster import job
        from dagster_taskiq import taskiq_executor

        @job(executor_def=taskiq_executor)
        def nightly(): ...

    The queue is that of `TASKIQ_QUEUE_NAME` or `TASKIQ_QUEUE_URL` in the run worker's environment,
    unless the run configuration, or `.configured({"queue_name": "steps.fifo"})`, names one. With
    the latter, Dagster ignores every setting of a run.

    Two op tags count. `taskiq/queue` (name or URL) sends the step elsewhere. `taskiq/group` makes
    steps of the same group run one after the other on a FIFO queue.
    """
    config = context.executor_config
    retries = RetryMode.from_config(config["retries"])  # type: ignore[arg-type]
    sender = EnvelopeSender(
        settings.queue_of(config), settings.connection_of(config), key=settings.envelope_key()
    )
    return TaskiqExecutor(
        TaskiqStepHandler(sender),
        retries=retries or RetryMode.ENABLED,
        sleep_seconds=settings.poll_seconds_of(config),
        max_concurrent=settings.max_concurrent_of(config),
        tag_concurrency_limits=config.get("tag_concurrency_limits"),
        # Verification refuses a second start silently, which would leave the step open forever.
        should_verify_step=False,
        **_step_dependency_argument(config),
    )


class TaskiqExecutor(StepDelegatingExecutor):
    """Dagster's StepDelegatingExecutor, able to resume runs of any length and history.

    It pauses between two looks at the log as `pauses.py` decides, at most `sleep_seconds`.
    """

    def __init__(self, step_handler: TaskiqStepHandler, *, sleep_seconds: float, **arguments: Any):
        self._pauses = Pauses(sleep_seconds)
        super().__init__(step_handler, sleep_seconds=sleep_seconds, **arguments)
        self._taskiq_handler = step_handler
        self._is_behind = self._has_found = False
        self._seen_storage_ids: set[int] = set()
        self._looks = [SecondLook(seconds) for seconds in LOOK_AGAIN_SECONDS]

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Orchestrate the run, from nothing even when it is resumed (see resume.py)."""
        mark_local_run(plan_context.instance, plan_context.run_id)
        with self._listening(plan_context):
            yield from self._orchestrate(plan_context, execution_plan)

    def _orchestrate(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        if not plan_context.resume_from_failure:
            yield from super().execute(plan_context, execution_plan)
            return
        message = "Resuming execution from failure"
        DagsterEvent.engine_event(plan_context, message, EngineEventData())
        replay = Replay(self._past_events(plan_context))
        self._taskiq_handler.replay = replay
        with no_slots_for_the_past(plan_context.instance.event_log_storage, replay):
            yield from super().execute(_as_if_new(plan_context), execution_plan)

    @contextmanager
    def _listening(self, plan_context: PlanOrchestrationContext) -> Iterator[None]:
        # Dagster has it since 1.11.10.
        dependency = getattr(self, "step_dependency_config", None)
        outputs_count = dependency is not None and not dependency.require_upstream_step_success
        kinds = (*_NEWS, DagsterEventType.STEP_OUTPUT) if outputs_count else _NEWS
        storage = plan_context.instance.event_log_storage
        notifications = notifications_of(storage, plan_context.run_id, kinds)
        self._pauses = Pauses(self._pauses.longest, notifications)
        try:
            yield
        finally:
            if notifications is not None:
                notifications.close()

    @property
    def _sleep_seconds(self) -> float:
        """Send and pause. Dagster's loop reads this when it has launched, and before it sleeps."""
        self._taskiq_handler.flush()
        # Dagster finds out that a run is over after the pause.
        may_be_over = self._has_found and not self._taskiq_handler.in_flight
        if not self._is_behind and not may_be_over:
            self._pauses.wait()
        self._is_behind = self._has_found = False
        return 0.0

    @_sleep_seconds.setter
    def _sleep_seconds(self, seconds: float) -> None:
        """Ignore what Dagster's constructor sets: it is what it was given."""

    def _past_events(self, plan_context: PlanOrchestrationContext) -> list[DagsterEvent]:
        read = (plan_context.instance, plan_context.run_id, self._seen_storage_ids)
        past: list[DagsterEvent] = []
        # One call returns 1000 events at most.
        while events := super()._pop_events(*read):
            past.extend(events)
        return past

    def _pop_events(
        self, instance: DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        found = self._pop_what_may_be_seen(instance, run_id, seen_storage_ids)
        ended = {event.step_key for event in found if event.event_type in _ENDS}
        self._taskiq_handler.in_flight -= ended
        self._has_found = bool(found)
        return found

    def _pop_what_may_be_seen(
        self, instance: DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        replay = self._taskiq_handler.replay
        if replay is None:
            return self._read(instance, run_id, seen_storage_ids)
        seen_storage_ids |= self._seen_storage_ids
        replay.hold(self._read(instance, run_id, seen_storage_ids))
        released = replay.release()
        # What the log holds is gone through at once, however many ticks it once took.
        self._is_behind = bool(released)
        return released

    def _read(
        self, instance: DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        """Return what is new in the log, and what another event had overtaken in it."""
        began_at = time.monotonic()
        found = self._look(instance, run_id, seen_storage_ids)
        self._pauses.looked(began_at, found=bool(found))
        return found

    def _look(
        self, instance: DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        for look in self._looks:
            if look.is_due:
                self._event_cursor = look.go_back(self._event_cursor)
                return self._read_to_the_end(instance, run_id, seen_storage_ids)
        pop = super()._pop_events
        return self._pauses.look(partial(pop, instance, run_id, seen_storage_ids))

    def _read_to_the_end(
        self, instance: DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        found: list[DagsterEvent] = []
        before, moved = self._event_cursor, True
        # One call reads 1000 events at most, and returns none of those that were seen.
        while moved:
            found.extend(super()._pop_events(instance, run_id, seen_storage_ids))
            before, moved = self._event_cursor, self._event_cursor != before
        return found


def _as_if_new(context: PlanOrchestrationContext) -> PlanOrchestrationContext:
    return PlanOrchestrationContext(
        plan_data=context.plan_data,
        log_manager=context.log,
        executor=context.executor,
        output_capture=context.output_capture,
    )


def _step_dependency_argument(config: Mapping[str, Any]) -> dict[str, Any]:
    if "step_dependency_config" not in inspect.signature(StepDelegatingExecutor).parameters:
        return {}
    value = config.get("step_dependency_config")
    return {"step_dependency_config": StepDependencyConfig.from_config(value)}
