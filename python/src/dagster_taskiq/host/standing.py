"""Where an attempt stands before anything is done about it, and what that decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from dagster_taskiq.host.attempt_log import AttemptLog, StepId, read_attempt, result_of
from dagster_taskiq.host.errors import error_from
from dagster_taskiq.host.outcomes import MachineryFault, Outcome, ended_now, outcome
from dagster_taskiq.host.planned import NotInPlan, plan_of, require_planned

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

# Of a run in any other status, or of none, nothing is started, and what runs is interrupted.
GOING_ON = frozenset(DagsterRunStatus) - {*FINISHED_STATUSES, DagsterRunStatus.CANCELING}


@dataclass(frozen=True)
class Standing:
    """What Dagster's storage says. `run` is None for a run that it does not know."""

    log: AttemptLog
    run: DagsterRun | None


@contextmanager
def reaching_storage() -> Iterator[None]:
    """Blame the Dagster instance for whatever is raised inside."""
    try:
        yield
    except Exception as error:
        raise MachineryFault("instance", "the Dagster storage cannot be reached") from error


def look_up(instance: DagsterInstance, step: StepId) -> Standing:
    """Read the log first, then the run: an outcome that stands outweighs the run's own end."""
    with reaching_storage():
        log = read_attempt(instance, step)
        return Standing(log, instance.get_run_by_id(step.run_id))


def already_over(standing: Standing) -> Outcome | None:
    """Return the outcome if nothing is left to do for the attempt, else None."""
    if standing.log.terminal is not None:
        result = result_of(standing.log)
        return outcome("already_recorded", result, result["error"])
    run = standing.run
    if run is None or run.status not in GOING_ON:
        return outcome("run_over", ended_now("run_over"))
    return None


def no_such_step(instance: DagsterInstance, run: DagsterRun, step_key: str) -> Outcome | None:
    """Return the outcome if the run does not execute the step, and so waits for no end of it."""
    if run.execution_plan_snapshot_id is None:
        return None
    with reaching_storage():
        plan = plan_of(instance, run)
    try:
        require_planned(plan, run, step_key)
    except NotInPlan as missing:
        error = error_from(missing)
        return outcome("run_over", ended_now("run_over", error=error), error)
    return None
