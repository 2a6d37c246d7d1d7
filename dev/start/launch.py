# ruff: noqa: INP001 - a program, no package
"""Executes one job as its run worker, and prints what its steps do.

    python launch.py <file> <job>

Writes JSON to stdout, one object a line. The first is `{"ready": true}`, once Dagster is imported.
After a line on stdin it writes `{"run_id": …}`, then each step event as `{"type", "step", "at",
"attempt", "pid"}`, and last `{"status": …}`. It ends with its stdin, so it never outlives its
parent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterEvent, DagsterRun

PAGE = 1000


def main(file: str, job_name: str) -> int:
    """Launch the job on a line of input; return the exit code."""
    directory = str(Path.cwd())
    repository = ReconstructableRepository.for_file(file, "defs", working_directory=directory)
    job = repository.get_reconstructable_job(job_name)
    job.get_definition()
    report(ready=True)
    if sys.stdin.readline() == "":
        return 1
    threading.Thread(target=die_with_stdin, daemon=True).start()
    # Not sooner: two processes that create the tables of one fresh instance get into each other's
    # way, and the worker, which is ready by now, has created them.
    instance = DagsterInstance.get()
    run = create_run(instance, job, remote_origin(directory, file, job_name))
    report(run_id=run.run_id)
    execute(instance, job, run)
    finished = instance.get_run_by_id(run.run_id)
    report(status=finished.status.value if finished else None)
    return 0


def create_run(
    instance: DagsterInstance, job: ReconstructableJob, origin: RemoteJobOrigin
) -> DagsterRun:
    """Create the run as a scheduler would: the UI knows by `origin` which job it belongs to."""
    return instance.create_run_for_job(
        job_def=job.get_definition(),
        job_code_origin=job.get_python_origin(),
        remote_job_origin=origin,
    )


def remote_origin(directory: str, file: str, job_name: str) -> RemoteJobOrigin:
    """Name the job as the web server does when it is started with `-f`."""
    target = LoadableTargetOrigin(
        executable_path=sys.executable, python_file=file, working_directory=directory
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=Path(file).name)
    repository = RemoteRepositoryOrigin(location, "__repository__")
    return RemoteJobOrigin(repository, job_name)


def execute(instance: DagsterInstance, job: ReconstructableJob, run: DagsterRun) -> None:
    """Be the run worker to the end of the run."""
    cursor = None
    for _ in follow(execute_run_iterator(job, run, instance)):
        cursor = print_news(instance, run.run_id, cursor)


def follow(events: Iterator[DagsterEvent]) -> Iterator[DagsterEvent | None]:
    """Give a last turn after the events: what stands in the log then is all there is."""
    yield from events
    yield None


def print_news(instance: DagsterInstance, run_id: str, cursor: str | None) -> str | None:
    """Report the step events since `cursor`, which the steps' own processes recorded too."""
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, limit=PAGE)
        for record in page.records:
            event = record.event_log_entry.dagster_event
            if event is not None and event.step_key is not None:
                report(
                    type=event.event_type_value,
                    step=event.step_key,
                    at=record.event_log_entry.timestamp,
                    **numbers(event),
                )
        cursor = page.cursor or cursor
        if not page.has_more:
            return cursor


def numbers(event: DagsterEvent) -> dict[str, Any]:
    """Return the attempt and the process that the event names, if it does."""
    metadata = getattr(event.event_specific_data, "metadata", None) or {}
    found = {name: getattr(metadata.get(name), "value", None) for name in ("attempt", "pid")}
    return {name: None if value is None else int(value) for name, value in found.items()}


def report(**fields: Any) -> None:
    """Write one line."""
    OUT.write(json.dumps(fields) + "\n")
    OUT.flush()


def die_with_stdin() -> None:
    """Wait for the end of stdin."""
    while sys.stdin.readline():
        pass
    os._exit(1)


if __name__ == "__main__":
    # Whatever Dagster or user code prints goes to stderr, not between the lines.
    OUT = os.fdopen(os.dup(1), "w")
    os.set_inheritable(OUT.fileno(), False)
    os.dup2(2, 1)
    sys.exit(main(*sys.argv[1:]))
