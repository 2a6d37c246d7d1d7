"""Counts what a code location defines, for `taskiq doctor`.

Only on demand: it resolves the definitions, which a worker leaves to the steps' processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagster import Definitions, JobDefinition, RepositoryDefinition

from dagster_taskiq.dagster_internals.host import LazyDefinitions


def counts_of(loaded: Iterable[Any]) -> Mapping[str, int]:
    """Return how many jobs and assets there are. Raises what the user's code raises."""
    jobs: set[str] = set()
    assets: set[str] = set()
    for each in loaded:
        made = each() if isinstance(each, LazyDefinitions) else each
        repository = made.get_repository_def() if isinstance(made, Definitions) else made
        if isinstance(repository, RepositoryDefinition):
            # Dagster makes a job of its own for assets, with a name that begins like that.
            jobs.update(name for name in repository.job_names if not name.startswith("__"))
            keys = repository.asset_graph.get_all_asset_keys()
            assets.update(key.to_user_string() for key in keys)
        elif isinstance(repository, JobDefinition):
            jobs.add(repository.name)
    return {"jobs": len(jobs), "assets": len(assets)}
