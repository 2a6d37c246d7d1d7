"""What Dagster limits stays limited with steps in a queue, and nothing stays taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from runs import create_run, executor_config, status, types, work_on
from sqs_double import SqsDouble
from step_worker import StepWorker

if TYPE_CHECKING:
    from dagster._utils.concurrency import ConcurrencyKeyInfo

RunJob = Callable[..., DagsterRun]


@pytest.fixture
def run_job(instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker) -> RunJob:
    """Run a job to its end, with a worker that takes steps only now."""

    def run_job(job_name: str, **config: Any) -> DagsterRun:
        run = create_run(instance, job_name, executor_config(sqs, **config))
        with worker:
            work_on(instance, run)
        assert status(instance, run) is DagsterRunStatus.SUCCESS
        return run

    return run_job


def most_at_once(instance: DagsterInstance, run: DagsterRun, prefix: str) -> int:
    """Return how many steps whose keys begin so were on their way at once, queued ones too."""
    steps, most = 0, 0
    for key, kind in types(instance, run):
        if key is not None and key.startswith(prefix):
            steps += {"STEP_WORKER_STARTING": 1, "STEP_SUCCESS": -1}.get(kind, 0)
            most = max(most, steps)
    return most


def press(instance: DagsterInstance) -> ConcurrencyKeyInfo:
    return instance.event_log_storage.get_concurrency_info("press")


@pytest.mark.parametrize("job_name", ["presses", "presses_by_tag"])
@pytest.mark.parametrize("limit", [1, 2])
def test_a_pool_limits_steps_on_their_way(
    instance: DagsterInstance, run_job: RunJob, job_name: str, limit: int
) -> None:
    instance.event_log_storage.set_concurrency_slots("press", limit)
    run = run_job(job_name)
    assert most_at_once(instance, run, "press") == limit
    assert (press(instance).active_slot_count, press(instance).pending_step_count) == (0, 0)


@pytest.mark.parametrize(
    ("limits", "most"),
    [([], 2), ([{"key": "database", "value": "one", "limit": 1}], 1)],
)
def test_tag_limits_count_steps_on_their_way(
    instance: DagsterInstance, run_job: RunJob, limits: list[Any], most: int
) -> None:
    run = run_job("queries", tag_concurrency_limits=limits)
    assert most_at_once(instance, run, "query") == most


def test_a_step_of_higher_priority_is_sent_first(run_job: RunJob, worker: StepWorker) -> None:
    run_job("queries", max_concurrent=1)
    assert worker.envelopes[0].step_key == "urgent"
