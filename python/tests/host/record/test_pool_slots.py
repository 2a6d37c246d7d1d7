"""A run that is over keeps no pool slot, whether its step ran here or had not begun."""

from __future__ import annotations

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from orders import run_order
from worker_double import LOCATION, eventually

from postgres import dagster_yaml


@pytest.fixture
def postgres_home(tmp_path, postgres_url):
    (tmp_path / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\n" + dagster_yaml(postgres_url)
    )
    return tmp_path


@pytest.fixture
def on_postgres(postgres_home):
    with DagsterInstance.from_config(str(postgres_home)) as opened:
        yield opened


def test_slots_of_a_canceled_run_are_given_back(
    start_worker, on_postgres, create_run, postgres_home, tmp_path
):
    storage = on_postgres.event_log_storage
    storage.set_concurrency_slots("loom", 3)
    file = tmp_path / "go"
    canceled, going_on = (
        create_run("waits_for_file", config={"file": str(file)}, instance=on_postgres)
        for _ in range(2)
    )
    for run, step in [(canceled, "waits_for_file"), (canceled, "greet"), (going_on, "greet")]:
        assert storage.claim_concurrency_slot("loom", run.run_id, step).is_claimed

    def holders():
        slots = storage.get_concurrency_info("loom").claimed_slots
        return sorted((slot.run_id, slot.step_key) for slot in slots)

    worker = start_worker(*LOCATION, at=postgres_home)
    running = worker.start("run", **run_order(canceled, "waits_for_file"))
    eventually(file.with_suffix(".started").exists)
    on_postgres.report_run_canceling(canceled)
    outcome = worker.outcome(worker.start("run", **run_order(canceled, "greet")))
    assert outcome["kind"] == "run_over"
    assert (canceled.run_id, "greet") not in holders()
    assert worker.outcome(running)["kind"] == "failure"
    eventually(lambda: holders() == [(going_on.run_id, "greet")])
    assert on_postgres.get_run_by_id(going_on.run_id).status is DagsterRunStatus.STARTED
