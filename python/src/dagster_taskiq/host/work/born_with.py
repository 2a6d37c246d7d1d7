"""What a step's process is born with: facts that its location host found out before the fork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterRun

    from dagster_taskiq.host.record.planned import Plan
    from dagster_taskiq.host.work.built_job import BuiltJob


@dataclass(frozen=True)
class BornWith:
    """Whatever is missing here, the process reads or builds itself."""

    plans: Mapping[str, Plan] = field(default_factory=dict)
    """Recorded plans, by the ids of their snapshots."""
    job: BuiltJob | None = None
    """The run's job and plan, built from the code. `None` means that the process builds them."""
    modules: int | None = None
    """How many modules the host has imported. `None`: it does not ask what the step imports."""
    run: DagsterRun | None = None
    """The run's record, as its admission has it."""


NOTHING = BornWith()
