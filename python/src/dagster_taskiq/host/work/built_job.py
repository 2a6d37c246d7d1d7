"""A job and its whole plan, built once for all steps of runs that are planned alike.

Dagster builds both in each step's process, which takes longer the larger the job is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster_taskiq.dagster_internals import patches
from dagster_taskiq.dagster_internals.host import ExecutionPlan, ResolvedRunConfig

if TYPE_CHECKING:
    from dagster import JobDefinition

    from dagster_taskiq.dagster_internals.host import ReconstructableJob
    from dagster_taskiq.dagster_internals.shared import KnownExecutionState


@dataclass(frozen=True)
class BuiltJob:
    """What Dagster builds for each step, up to the step's own part."""

    job: ReconstructableJob
    definition: JobDefinition
    config: ResolvedRunConfig
    plan: ExecutionPlan

    @staticmethod
    def build(job: ReconstructableJob, run_config: Mapping[str, Any]) -> BuiltJob:
        """Build the job, with its selection, and the plan of all of its steps. Runs user code."""
        definition = job.get_definition()
        config = ResolvedRunConfig.build(definition, run_config)
        return BuiltJob(job, definition, config, ExecutionPlan.build(definition, config))

    def plan_of(self, step_keys: Sequence[str], state: KnownExecutionState) -> ExecutionPlan | None:
        """Return the plan of these steps, as Dagster builds it for them alone.

        `None` means that the run has mapped steps: they are in no plan but their own run's.
        """
        if state.dynamic_mappings:
            return None
        plan = self.plan._replace(known_state=state)
        if step_keys == plan.step_keys_to_execute:
            return plan
        return plan.build_subset_plan(step_keys, self.definition, self.config)

    def be_used(self) -> None:
        """Let Dagster use both in this process, in place of building them."""
        patches.use_built_job(self.job, self.definition, self.plan_of)
