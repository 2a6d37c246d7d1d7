"""Names the jobs whose steps never come to a worker, for those who try taskiq on their machine.

A job without `taskiq_executor` works as well, in its run worker, and nothing says that no message
was sent. Where workers are deployed that is as wanted; under `taskiq dev` it is a surprise.
"""

from __future__ import annotations

import os
from typing import Any

from dagster_taskiq.dagster_internals.host import repository_def_from_target_def
from dagster_taskiq.host.record.planned import OUR_EXECUTOR
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.local_run import LOCAL_VARIABLE

_ASSETS_JOB = "__ASSET_JOB"
_MOST_NAMED = 10


def warn_of_other_executors(definitions: Any) -> None:
    """Write to the worker's log which jobs have another executor, if this is `taskiq dev`."""
    if LOCAL_VARIABLE not in os.environ:
        return
    names = _jobs_elsewhere(definitions)
    if names:
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        warn(
            f"the steps of these jobs run elsewhere, in their run workers: "
            f"{', '.join(names[:_MOST_NAMED])}{more}. Their executor is not taskiq_executor;"
            " Definitions(executor=taskiq_executor) is for all jobs that name none"
        )


def _jobs_elsewhere(definitions: Any) -> list[str]:
    try:
        repository = repository_def_from_target_def(definitions)
        jobs = repository.get_all_jobs() if repository is not None else []
        elsewhere = [job.name for job in jobs if job.executor_def.name != OUR_EXECUTOR]
    except Exception:  # noqa: BLE001 - what is wrong with a job, its runs say
        return []
    shown = {_ASSETS_JOB: "materializations of assets"}
    return sorted(shown.get(name, name) for name in elsewhere)
