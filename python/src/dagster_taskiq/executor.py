"""The executor that a Dagster job names: `executor_def=taskiq_executor`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagster import DagsterEvent, InitExecutorContext, executor
from dagster import multiple_process_executor_requirements as needs_other_processes
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import StepDelegatingExecutor

from dagster_taskiq import settings
from dagster_taskiq.enqueue import EnvelopeSender
from dagster_taskiq.resume import replayable, unanswered_resource_failures
from dagster_taskiq.step_handler import TaskiqStepHandler

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan


@executor(
    name="taskiq",
    config_schema=settings.config_schema(),
    requirements=needs_other_processes(),
)
def taskiq_executor(context: InitExecutorContext) -> TaskiqExecutor:
    """Run each step on a taskiq worker, fed by an SQS queue.

    The run worker sends a message per step and follows the run's event log. Workers receive the
    messages, execute the steps with the code location they were started with, and record each
    outcome once. Retries, pools, tag concurrency limits and priorities work as with Dagster's
    own executors; `max_concurrent` counts queued steps too.

    .. code-block:: python

        from dagster import job
        from dagster_taskiq import taskiq_executor

        @job(executor_def=taskiq_executor.configured({"queue_name": "steps.fifo"}))
        def nightly(): ...

    Op tags: `taskiq/queue` (name or URL) sends the step elsewhere, `taskiq/group` makes steps of
    the same group run one after the other on a FIFO queue.
    """
    config = context.executor_config
    retries = RetryMode.from_config(config["retries"])  # type: ignore[arg-type]
    sender = EnvelopeSender(settings.queue_of(config), settings.connection_of(config))
    return TaskiqExecutor(
        TaskiqStepHandler(sender),
        retries=retries or RetryMode.ENABLED,
        sleep_seconds=settings.poll_seconds_of(config),
        max_concurrent=settings.max_concurrent_of(config),
        tag_concurrency_limits=config.get("tag_concurrency_limits"),
        # Verification refuses a second start silently, which would leave the step open for ever.
        should_verify_step=False,
        **_step_dependency_argument(config),
    )


class TaskiqExecutor(StepDelegatingExecutor):
    """Dagster's StepDelegatingExecutor, able to resume runs of any length and history."""

    def __init__(self, step_handler: TaskiqStepHandler, **arguments: Any) -> None:
        super().__init__(step_handler, **arguments)
        self._taskiq_handler = step_handler
        self._is_resuming = False

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Orchestrate the run."""
        self._is_resuming = plan_context.resume_from_failure
        yield from super().execute(plan_context, execution_plan)

    def _pop_events(self, *arguments: Any) -> Sequence[DagsterEvent]:
        events = super()._pop_events(*arguments)
        if not self._is_resuming:
            return events
        # The replay takes what the first call returns, and one call returns 1000 events at most.
        self._is_resuming = False
        prior = list(events)
        while events:
            events = super()._pop_events(*arguments)
            prior.extend(events)
        self._taskiq_handler.unanswered = unanswered_resource_failures(prior)
        return replayable(prior)


def _step_dependency_argument(config: Mapping[str, Any]) -> dict[str, Any]:
    # Dagster has it since 1.11.10.
    if "step_dependency_config" not in inspect.signature(StepDelegatingExecutor).parameters:
        return {}
    from dagster._core.execution.step_dependency_config import StepDependencyConfig

    value = config.get("step_dependency_config")
    return {"step_dependency_config": StepDependencyConfig.from_config(value)}
