"""Whether a step is one that its run executes, by the plan in the run's record: no code is loaded.

An event that ends a step which the run worker never launched makes Dagster fail the whole run. The
executor's own messages name launched steps only; what other programs send may name anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster._core.execution.plan.handle import ResolvedFromDynamicStepHandle, StepHandle

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun
    from dagster._core.snap import ExecutionPlanSnapshot


class NotInPlan(Exception):
    """The run executes no such step."""


class OpNameMismatch(Exception):
    """The step belongs to another op than the message says."""


def plan_of(instance: DagsterInstance, run: DagsterRun) -> ExecutionPlanSnapshot:
    """Read the plan. Raises ValueError when the run has none."""
    if run.execution_plan_snapshot_id is None:
        raise ValueError(f"run {run.run_id} has no execution plan snapshot")
    return instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)


def require_planned(plan: ExecutionPlanSnapshot, run: DagsterRun, step_key: str) -> None:
    """Raise NotInPlan unless the run executes the step, or what it is resolved from."""
    executed = plan.step_keys_to_execute or [step.key for step in plan.steps]
    if not {step_key, _unresolved(step_key)} & set(executed):
        raise NotInPlan(f"run {run.run_id} of job {run.job_name} executes no step {step_key}")


def require_op(plan: ExecutionPlanSnapshot, step_key: str, op_name: str | None) -> None:
    """Raise OpNameMismatch if the message names the op of another step."""
    for step in plan.steps:
        if step.key in (step_key, _unresolved(step_key)):
            planned = step.node_handle_id.rpartition(".")[2]
            if op_name is not None and op_name != planned:
                raise OpNameMismatch(f"step {step_key} is of op {planned}, not {op_name}")


def _unresolved(step_key: str) -> str:
    """Return `shout[?]` for `shout[a]`, and other keys as they are."""
    handle = StepHandle.parse_from_key(step_key)
    if isinstance(handle, ResolvedFromDynamicStepHandle):
        return handle.unresolved_form.to_key()
    return step_key
