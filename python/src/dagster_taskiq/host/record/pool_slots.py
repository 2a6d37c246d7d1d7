"""Gives back the pool slot of a step that will not run, or not go on, because its run is over.

The run worker takes the slots and frees them as it reads the steps' ends; of a run that is over it
reads nothing any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance


def free_slot(instance: DagsterInstance, run_id: str, step_key: str) -> None:
    """Free it, if one was taken. Raises whatever the storage raises."""
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        storage.free_concurrency_slot_for_step(run_id, step_key)
