"""What `taskiq explain` learns from Dagster of a run and its steps."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dagster_taskiq.run_facts import facts_of
from runs import create_run, executor_config, work_on

if TYPE_CHECKING:
    from pathlib import Path

    from dagster import DagsterInstance

    from sqs_double import SqsDouble
    from step_worker import StepWorker


def by_key(facts):
    return {step["key"]: step for step in facts["steps"]}


def test_a_run_that_the_instance_does_not_know_has_no_facts(instance: DagsterInstance) -> None:
    assert facts_of(instance, "no-such-run") == {"run": None, "steps": [], "pools": []}


def test_a_step_that_is_open_names_its_needs_and_who_holds_its_pool(
    instance: DagsterInstance, sqs: SqsDouble
) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("press", 1)
    storage.claim_concurrency_slot("press", "another-run", "slow")
    run = create_run(instance, "presses", executor_config(sqs))
    facts = facts_of(instance, run.run_id)
    assert (facts["run"]["status"], facts["run"]["executor"]) == ("NOT_STARTED", "taskiq")
    pools = [{**pool, "holders": list(pool["holders"])} for pool in facts["pools"]]
    holder = {"run": "another-run", "step": "slow"}
    assert pools == [{"name": "press", "slots": 1, "claimed": 1, "pending": 0, "holders": [holder]}]
    assert {step["pool"] for step in facts["steps"] if step["key"].startswith("press")} == {"press"}
    added = by_key(facts_of(instance, create_run(instance, "adds_up", executor_config(sqs)).run_id))
    assert added["add"]["needs"] == ["one_0", "one_1", "one_2"]
    assert (added["add"]["sent_at"], added["add"]["ended"]) == (None, None)


@pytest.mark.parametrize("job_name", ["adds_up", "skips", "retries", "splits"])
def test_a_step_that_ended_says_how_and_when_and_where_it_was_sent(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker, job_name: str
) -> None:
    run = create_run(instance, job_name, executor_config(sqs))
    with worker:
        work_on(instance, run)
    steps = by_key(facts_of(instance, run.run_id))
    stats = {one.step_key: one for one in instance.get_run_step_stats(run.run_id)}
    assert set(stats) == set(steps)
    for key, step in steps.items():
        assert step["ended"] == stats[key].status.value.lower(), key
        assert step["attempt"] == max(0, stats[key].attempts - 1), key
        if step["ended"] != "skipped":
            assert step["queue"] is not None
            assert step["queue"].endswith("steps.fifo")
            assert step["sent_at"] <= step["began_at"] <= step["ended_at"]


def test_the_program_prints_the_events_of_the_step_that_is_asked_about(
    instance: DagsterInstance, dagster_home: Path, sqs: SqsDouble, worker: StepWorker
) -> None:
    run = create_run(instance, "adds_up", executor_config(sqs))
    with worker:
        work_on(instance, run)
    module = [sys.executable, "-m", "dagster_taskiq.run_facts", run.run_id, "add"]
    printed = subprocess.run(module, capture_output=True, text=True, check=True)
    steps = by_key(json.loads(printed.stdout.splitlines()[-1]))
    kinds = [event["type"] for event in steps["add"]["events"]]
    assert kinds[0] == "STEP_WORKER_STARTING"
    assert kinds[-1] == "STEP_SUCCESS"
    assert steps["one_0"]["events"] == []
