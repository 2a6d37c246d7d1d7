"""A job for each kind of step that Dagster has, without a word about who runs them."""

from collections.abc import Mapping
from typing import Any

from dagster import Definitions, ExecutorDefinition

from step_kinds import assets, checks, dynamic, logs, outcomes, partitions, resources, wiring

_PARTS = (outcomes, wiring, dynamic, resources, logs)
_ASSETS = (assets, checks, partitions)


def definitions(executor: ExecutorDefinition) -> Definitions:
    """Return everything, to be run by `executor`."""
    io_managers: Mapping[str, Any] = {**partitions.RESOURCES, **resources.RESOURCES}
    return Definitions(
        jobs=[job for part in (*_PARTS, *_ASSETS) for job in part.JOBS],
        assets=[asset for part in _ASSETS for asset in part.ASSETS],
        asset_checks=checks.CHECKS,
        resources=io_managers,
        executor=executor,
    )
