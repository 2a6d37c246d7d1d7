"""Starts run workers, in this process or their own, and reads what their runs recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import DagsterEvent, DagsterEventType
from dagster._cli.api import recon_job_from_origin
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import (
    ReconstructableJob,
    bootstrap_standalone_recon_job,
)
from dagster._core.execution.api import execute_run_iterator
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster._core.executor.step_delegating import StepDelegatingExecutor

from sqs_double import SqsDouble

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

# Since 1.12 a resource failure ends nothing by itself: the run worker answers it with a failure or
# a retry. Before, it is the end of its step, whatever the op's retry policy says.
ANSWERS_RESOURCE_FAILURES = hasattr(
    StepDelegatingExecutor, "log_failure_or_retry_event_after_error"
)

ENDS = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}
# Only a failure lasts so long.
DEADLINE_SECONDS = 180
_HERE = Path(__file__).parent
_RUN_WORKER = _HERE / "run_worker.py"
FIXTURES = _HERE.parents[1] / "fixtures"


def executor_config(sqs: SqsDouble, queue: str = "steps.fifo", **fields: Any) -> dict[str, Any]:
    config = {"queue_url": sqs.url(queue), "poll_interval_seconds": 0.1, **fields}
    return {"execution": {"config": config}}


def recon_of(job_name: str, module: str = "jobs") -> ReconstructableJob:
    home = _HERE if (_HERE / f"{module}.py").exists() else FIXTURES
    return bootstrap_standalone_recon_job(ModuleCodePointer(module, job_name, str(home)))


def create_run(
    instance: DagsterInstance, job_name: str, run_config: dict[str, Any], module: str = "jobs"
) -> DagsterRun:
    job = recon_of(job_name, module)
    return instance.create_run_for_job(
        job_def=job.get_definition(),
        run_config=run_config,
        job_code_origin=job.get_python_origin(),
    )


def work_on(
    instance: DagsterInstance, run: DagsterRun, *, resume: bool = False
) -> list[DagsterEvent]:
    """Be the run worker until the run has ended. Fails when nothing happens in it any more."""
    assert run.job_code_origin is not None
    job = recon_job_from_origin(run.job_code_origin)
    events: list[DagsterEvent] = []

    def drive() -> None:
        for event in execute_run_iterator(job, run, instance, resume_from_failure=resume):
            events.append(event)  # noqa: PERF402 - one by one, for whoever counts them

    thread = threading.Thread(target=drive, daemon=True)
    thread.start()
    seen = -1
    while thread.is_alive() and len(events) > seen:
        seen = len(events)
        thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive(), f"run {run.job_name} has not ended: {types(instance, run)}"
    return events


def resume(instance: DagsterInstance, run: DagsterRun) -> None:
    """Be the run worker that takes over, as run monitoring would start it."""
    current = instance.get_run_by_id(run.run_id)
    assert current is not None
    work_on(instance, current, resume=True)


class RunWorkers:
    """Starts run workers in processes of their own, which find the instance by themselves."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_RUN_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_RUN_WORKER.parent,
            text=True,
        )

    def start(self, run: DagsterRun) -> int:
        """Start one, and return what `kill` knows it by."""
        return self._order(run=run.run_id, env=dict(os.environ))

    def kill(self, pid: int) -> None:
        """Return once it is dead."""
        self._order(kill=pid)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _order(self, **order: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def status(instance: DagsterInstance, run: DagsterRun) -> DagsterRunStatus:
    current = instance.get_run_by_id(run.run_id)
    assert current is not None
    return current.status


def step_events(instance: DagsterInstance, run: DagsterRun) -> list[DagsterEvent]:
    entries = instance.all_logs(run.run_id)
    return [entry.dagster_event for entry in entries if entry.dagster_event and entry.step_key]


def types(instance: DagsterInstance, run: DagsterRun) -> list[tuple[str | None, str]]:
    return [(event.step_key, event.event_type_value) for event in step_events(instance, run)]


def ends(instance: DagsterInstance, run: DagsterRun) -> Counter[tuple[str | None, str]]:
    """Count the events that end attempts, by step."""
    return Counter(pair for pair in types(instance, run) if pair[1] in ENDS)


def record_success(instance: DagsterInstance, run: DagsterRun, step_key: str) -> None:
    """Write what a worker would for a step that does nothing: a thousand real ones take minutes."""
    output = StepOutputData(step_output_handle=StepOutputHandle(step_key))
    for kind, data in (
        (DagsterEventType.STEP_OUTPUT, output),
        (DagsterEventType.STEP_SUCCESS, StepSuccessData(duration_ms=1.0)),
    ):
        event = DagsterEvent(
            kind.value,
            run.job_name,
            step_handle=StepHandle.parse_from_key(step_key),
            event_specific_data=data,
            step_key=step_key,
        )
        instance.report_dagster_event(event, run.run_id)
