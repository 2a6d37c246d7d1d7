"""The part of a built plan that a step gets is the plan that Dagster builds for it alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from dagster import AssetKey
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.state import KnownExecutionState

from dagster_taskiq.host.work.built_job import BuiltJob

CONFORMANCE = Path(__file__).parents[2] / "conformance"
sys.path[:0] = [str(CONFORMANCE), str(CONFORMANCE / "code")]

from cases import CASES, Case  # noqa: E402


def job_of(case: Case):
    pointer = ModuleCodePointer("under_queue", "defs", str(CONFORMANCE / "code"))
    job = ReconstructableRepository(pointer).get_reconstructable_job(case.job)
    assets = case.asset_selection and frozenset(
        map(AssetKey.from_user_string, case.asset_selection)
    )
    return job.get_subset(op_selection=case.op_selection, asset_selection=assets)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_built_job_is_the_same_for_each_step(case):
    job, config = job_of(case), dict(case.config)
    built = BuiltJob.build(job, config)
    # Mapped steps and what collects them are planned by what their run has recorded.
    assert built.plan.executable_map
    for key in built.plan.executable_map:
        state = KnownExecutionState(previous_retry_attempts={key: 2})
        alone = create_execution_plan(job, config, step_keys_to_execute=[key], known_state=state)
        assert facts(built.plan_of([key], state)) == facts(alone)


def facts(plan):
    """Return everything that a plan says of its steps; the steps themselves have no equality."""
    steps = {
        handle: (step.key, step.kind, [str(each) for each in step.step_inputs], step.tags)
        for handle, step in plan.step_dict.items()
    }
    return steps, plan._replace(step_dict={}, step_dict_by_key={})
