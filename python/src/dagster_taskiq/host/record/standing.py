"""Where an attempt stands before anything is done about it, and what that decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus

from dagster_taskiq.dagster_internals.host import FINISHED_STATUSES
from dagster_taskiq.host.record.attempt_log import (
    TERMINAL,
    AttemptLog,
    find_attempt,
    read_attempt,
    result_of,
    wanted_of,
)
from dagster_taskiq.host.record.planned import NotInPlan, Plan, plan_of
from dagster_taskiq.host.record.rebuilt_state import Inputs
from dagster_taskiq.host.record.step_events import StepEvent, Wanted, step_events
from dagster_taskiq.host.wire.errors import error_from, error_info
from dagster_taskiq.host.wire.orders import StepId
from dagster_taskiq.host.wire.outcomes import (
    MachineryFault,
    NotOpen,
    OpNameMismatch,
    Outcome,
    ended_now,
    outcome,
)
from dagster_taskiq.instance_id import instance_id

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from dagster_taskiq.dagster_internals.shared import KnownExecutionState

# Of a run in any other status, or of none, nothing is started, and what runs is interrupted.
GOING_ON = frozenset(DagsterRunStatus) - {*FINISHED_STATUSES, DagsterRunStatus.CANCELING}


@dataclass(frozen=True)
class Standing:
    """What Dagster's storage says. `run` is None for a run that it does not know."""

    run: DagsterRun | None
    plan: Plan | None = None
    inputs: Inputs | None = None
    """None for a run that has no plan, and for a step that its plan does not have."""
    log: AttemptLog = field(default_factory=AttemptLog)
    events: Sequence[StepEvent] = ()


@contextmanager
def reaching_storage() -> Iterator[None]:
    """Blame the Dagster instance for whatever is raised inside."""
    try:
        yield
    except Exception as error:
        raise MachineryFault("instance", "the Dagster storage cannot be reached") from error


def look_up(
    instance: DagsterInstance,
    step: StepId,
    plans: Mapping[str, Plan] = MappingProxyType({}),
    run: DagsterRun | None = None,
) -> Standing:
    """Read the run, its plan, and then the log: an outcome that stands outweighs the run's end.

    `plans` holds plans that are known already, by the id of their snapshots. `run` is a record of
    the run that says truly whether it goes on.
    """
    with reaching_storage():
        run = run or instance.get_run_by_id(step.run_id)
        if run is None:
            return Standing(None)
        plan = plans.get(str(run.execution_plan_snapshot_id)) or plan_of(instance, run)
        inputs = _inputs(plan, step.step_key)
        own = wanted_of(step.step_key)
        events = step_events(
            instance, step.run_id, [own, *(inputs.wanted if inputs is not None else ())]
        )
    entries = [event.entry for event in events if event.step_key == step.step_key]
    return Standing(run, plan, inputs, find_attempt(entries, step.attempt), events)


def already_over(instance: DagsterInstance, standing: Standing, step: StepId) -> Outcome | None:
    """Return the outcome if nothing is left to do for the attempt, else None."""
    run = standing.run
    if run is None:
        with reaching_storage():
            identity = instance_id(instance)
        # Deleted, or never of this instance: the worker compares whose the message says it is.
        return {**outcome("unknown_run", ended_now("run_over")), "instance": identity}
    if standing.log.terminal is not None:
        result = result_of(standing.log)
        return outcome("already_recorded", result, result["error"])
    if run.status not in GOING_ON:
        return outcome("run_over", ended_now("run_over"))
    if standing.plan is None or standing.inputs is not None:
        return None
    missing = f"run {run.run_id} of job {run.job_name} executes no step {step.step_key}"
    error = error_from(NotInPlan(missing))
    return outcome("run_over", ended_now("run_over", error=error), error)


def require_open(
    instance: DagsterInstance, standing: Standing, step: StepId, op_name: str | None = None
) -> KnownExecutionState | None:
    """Return what the run worker knew as it sent the attempt; None for a run without a plan.

    Raises NotOpen when it has not sent it. A step that it never launched, or not yet, makes
    Dagster fail the whole run as it ends.
    """
    what = f"attempt {step.attempt} of step {step.step_key}"
    if not standing.log.opened:
        raise NotOpen(f"{what} is not open: no retry of attempt {step.attempt - 1} is recorded")
    if standing.plan is None or standing.inputs is None:
        return None
    if standing.plan.announces and not standing.log.announced:
        raise NotOpen(f"{what} is not open: its run worker has not sent it")
    planned = standing.inputs.op_name
    if op_name is not None and op_name != planned:
        raise OpNameMismatch(f"step {step.step_key} is of op {planned}, not {op_name}")

    def read(wanted: Sequence[Wanted]) -> Sequence[StepEvent]:
        with reaching_storage():
            return step_events(instance, step.run_id, wanted)

    return standing.inputs.state(step.attempt, standing.events, read)


def outcome_if_not_open(instance: DagsterInstance, step: StepId) -> Outcome | None:
    """Read the log once more, before a permit is spent: `None` if the attempt is still open.

    Raises whatever the storage raises.
    """
    ends = Wanted((step.step_key,), tuple(TERMINAL))
    events = step_events(instance, step.run_id, [ends])
    log = find_attempt([event.entry for event in events], step.attempt)
    if log.terminal is not None:
        result = result_of(read_attempt(instance, step))
        return outcome("already_recorded", result, result["error"])
    if not log.opened:
        text = f"attempt {step.attempt} of step {step.step_key} is not open"
        return outcome("not_open", error=error_info("NotOpen", text))
    return None


def not_open(error: NotOpen) -> Outcome:
    """Return the outcome of a message that asks for what its run has not sent."""
    return outcome("not_open", error=error_from(error))


def _inputs(plan: Plan | None, step_key: str) -> Inputs | None:
    if plan is None:
        return None
    try:
        return Inputs(plan, step_key)
    except NotInPlan:
        return None
