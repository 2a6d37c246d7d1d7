"""What a step's process inherits: what its location host prepared before the fork."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.live import Live

if TYPE_CHECKING:
    from dagster import DagsterRun

    from dagster_taskiq.host.record.planned import Plan
    from dagster_taskiq.host.work.built_job import BuiltJob


@dataclass(frozen=True)
class Inheritance:
    """A process reads or builds itself what is missing here."""

    plans: Mapping[str, Plan] = field(default_factory=dict)
    """Recorded plans, by the ids of their snapshots."""
    job: BuiltJob | None = None
    """The run's job and plan, built from the code. `None` means that the process builds them."""
    modules: int | None = None
    """How many modules the host has imported. `None`: it does not ask what the step imports."""
    run: DagsterRun | None = None
    """The run's record, as its admission has it."""

    builds_job: bool = False
    """Whether the process builds the job itself, for this step and all later ones."""


NOTHING = Inheritance()

LiveWith = Callable[[Inheritance], Live]
"""Returns the life of a process that inherits this."""
