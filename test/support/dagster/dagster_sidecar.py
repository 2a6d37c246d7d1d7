# ruff: noqa: INP001 - a program, no package
"""Answers a test's questions about one Dagster instance, and executes runs in forks of itself.

Importing Dagster takes seconds, so this process does it once. Requests and answers are JSON, an
object a line, on stdin and stdout: `{"id", "ask", …}` and `{"id", "answer"}` or `{"id", "error"}`.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
)
from dagster._core.definitions.reconstruct import (
    ReconstructableJob,
    ReconstructableRepository,
)
from dagster._core.events import EngineEventData
from dagster._core.execution.api import execute_run_iterator
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry

Request = Mapping[str, Any]

PR_SET_PDEATHSIG = 1

RUN_WORKERS: dict[str, int] = {}
"""Process ids of the run workers not yet reaped, by run."""


def launch(request: Request) -> dict[str, Any]:
    """Create a run of `job` with `config`; a fork with `env` executes it, as a run worker does."""
    job = _job(request["job"])
    run = _create_run(request, job, None)
    _start_run_worker(job, run, request["env"])
    return {"run_id": run.run_id}


def backfill(request: Request) -> list[str]:
    """Create a run of `job` for each of its partitions, and start their run workers all at once."""
    job = _job(request["job"])
    partitions = job.get_definition().partitions_def
    assert partitions is not None
    runs = [
        _create_run({"config": {}, "tags": {**tags, "dagster/backfill": "backfill"}}, job, None)
        for key in partitions.get_partition_keys()
        for tags in [partitions.get_tags_for_partition_key(key)]
    ]
    for run in runs:
        _start_run_worker(job, run, request["env"])
    return [run.run_id for run in runs]


def materialized(request: Request) -> list[str]:
    """Return the partitions of `asset` that the instance has seen."""
    return sorted(instance().get_materialized_partitions(AssetKey(request["asset"])))


def kill_run_worker(request: Request) -> bool:
    """Kill the run worker of `run_id`; false when it has ended by itself."""
    _reap()
    pid = RUN_WORKERS.get(request["run_id"])
    if pid is None:
        return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    del RUN_WORKERS[request["run_id"]]
    return True


def resume(request: Request) -> bool:
    """Start a run worker for `run_id` that takes over from a dead one; false for a finished run."""
    run = instance().get_run_by_id(request["run_id"])
    if run is None or run.is_finished:
        return False
    _start_run_worker(_job(run.job_name), run, request["env"])
    return True


def terminate(request: Request) -> None:
    """End the run as the UI does: by its run worker, or without one when `force` says so."""
    run = instance().get_run_by_id(request["run_id"])
    assert run is not None
    run_worker = RUN_WORKERS[run.run_id]
    if request["force"]:
        os.kill(run_worker, signal.SIGKILL)
        instance().report_run_canceled(run)
    else:
        instance().report_run_canceling(run)
        os.kill(run_worker, signal.SIGTERM)


def create(request: Request) -> dict[str, Any]:
    """Create a run of `job` in `status` that has no run worker, because its steps are sent by hand.

    Its log announces each step, as a run worker would.
    """
    run = _create_run(request, _job(request["job"]), DagsterRunStatus(request["status"]))
    assert run.execution_plan_snapshot_id is not None
    plan = instance().get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    for step_key in plan.step_keys_to_execute:
        _note_sent(run, step_key)
    return {"run_id": run.run_id}


def sent(request: Request) -> None:
    """Note in the log of such a run that the next attempt of a step is sent, too."""
    run = instance().get_run_by_id(request["run_id"])
    assert run is not None
    _note_sent(run, request["step_key"])


def _note_sent(run: DagsterRun, step_key: str) -> None:
    event = DagsterEvent(
        DagsterEventType.STEP_WORKER_STARTING.value,
        run.job_name,
        step_key=step_key,
        event_specific_data=EngineEventData(),
    )
    instance().report_dagster_event(event, run.run_id)


def status(request: Request) -> str | None:
    """Return the status of `run_id`; None for an unknown run."""
    _reap()
    run = instance().get_run_by_id(request["run_id"])
    return run.status.value if run else None


def events(request: Request) -> list[dict[str, Any]]:
    """Return the log of `run_id`, in order."""
    return [_described(entry) for entry in instance().all_logs(request["run_id"])]


def compute_log(request: Request) -> dict[str, str]:
    """Return what Dagster's UI shows as stdout and stderr of `step` of `run_id`."""
    keys = [
        entry.dagster_event.logs_captured_data.file_key
        for entry in instance().all_logs(request["run_id"])
        if entry.dagster_event
        and entry.dagster_event.event_type_value == "LOGS_CAPTURED"
        and request["step"] in (entry.dagster_event.logs_captured_data.step_keys or [])
    ]
    manager = instance().compute_log_manager
    data = [
        manager.get_log_data(manager.build_log_key_for_run(request["run_id"], key)) for key in keys
    ]
    return {
        "stdout": b"".join(one.stdout or b"" for one in data).decode(errors="replace"),
        "stderr": b"".join(one.stderr or b"" for one in data).decode(errors="replace"),
    }


ASKS: dict[str, Callable[[Request], Any]] = {
    ask.__name__: ask
    for ask in (
        launch,
        backfill,
        materialized,
        kill_run_worker,
        resume,
        terminate,
        create,
        sent,
        status,
        events,
        compute_log,
    )
}


@cache
def instance() -> DagsterInstance:
    """Return the instance of DAGSTER_HOME."""
    return DagsterInstance.get()


@cache
def _repository() -> ReconstructableRepository:
    return ReconstructableRepository.for_module(
        "definitions", "defs", working_directory=os.environ["DEFINITIONS_PARENT"]
    )


def _job(name: str) -> ReconstructableJob:
    return _repository().get_reconstructable_job(name)


def _create_run(
    request: Request, job: ReconstructableJob, status: DagsterRunStatus | None
) -> DagsterRun:
    return instance().create_run_for_job(
        job_def=job.get_definition(),
        run_config=request["config"],
        tags=request.get("tags"),
        status=status,
        job_code_origin=job.get_python_origin(),
    )


def _start_run_worker(job: ReconstructableJob, run: DagsterRun, env: Mapping[str, str]) -> None:
    pid = os.fork()
    if pid == 0:
        _execute_and_exit(job, run, env)
    RUN_WORKERS[run.run_id] = pid


def _execute_and_exit(job: ReconstructableJob, run: DagsterRun, env: Mapping[str, str]) -> None:
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        os.environ.update(env)
        instance.cache_clear()
        # A run that has begun had a run worker before: this one resumes it.
        begun = run.status is not DagsterRunStatus.NOT_STARTED
        for _event in execute_run_iterator(job, run, instance(), resume_from_failure=begun):
            pass
    except BaseException:  # noqa: BLE001 - whatever it is, the fork must not go on as the sidecar
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def _described(entry: EventLogEntry) -> dict[str, Any]:
    event = entry.dagster_event
    data = event.event_specific_data if event else None
    error = entry.error_info or getattr(data, "error", None)
    return {
        "type": event.event_type_value if event else None,
        "step": entry.step_key,
        "message": entry.user_message if event is None else event.message,
        "at": entry.timestamp,
        "metadata": _metadata(data),
        "error": _error(error) if isinstance(error, SerializableErrorInfo) else None,
    }


def _metadata(data: object) -> dict[str, Any]:
    holder = getattr(data, "materialization", data)
    metadata = getattr(holder, "metadata", None) or {}
    return {name: getattr(value, "value", None) for name, value in metadata.items()}


def _error(error: SerializableErrorInfo) -> dict[str, Any]:
    # `to_string` holds the causes too, as the UI shows them.
    return {
        "class": error.cls_name,
        "message": error.message,
        "text": error.to_string(),
    }


def _reap() -> None:
    for run_id, pid in list(RUN_WORKERS.items()):
        if os.waitpid(pid, os.WNOHANG)[0]:
            del RUN_WORKERS[run_id]


def _answer(request: Request) -> dict[str, Any]:
    try:
        return {"id": request["id"], "answer": ASKS[request["ask"]](request)}
    except Exception:  # noqa: BLE001 - the test shows it
        return {"id": request["id"], "error": traceback.format_exc()}


def main() -> None:
    """Serve until stdin ends."""
    # Whatever Dagster or user code prints goes to stderr, not between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.set_inheritable(answers.fileno(), False)
    # Run workers that look for garbage among what this process has imported would find none.
    gc.freeze()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line)), default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
