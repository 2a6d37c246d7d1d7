"""A Dagster storage that fails gives a step neither an outcome nor two of them.

It is of a class that the recorder does not know: each process reads and writes it itself.
"""

from __future__ import annotations

import pytest
from orders import SUCCESS, events, report_order, run_order, terminal_events
from worker_double import CODE, LOCATION


@pytest.fixture(scope="module")
def fault_file(tmp_path_factory):
    return tmp_path_factory.mktemp("faults") / "fault"


@pytest.fixture(scope="module")
def faulty_home(home, tmp_path_factory):
    """Return the home of an instance on the same files, by storages that fail."""
    faulty = tmp_path_factory.mktemp("faulty")
    (faulty / "dagster.yaml").write_text(f"""
telemetry:
  enabled: false
run_storage:
  module: dagster._core.storage.runs
  class: SqliteRunStorage
  config: {{base_dir: "{home}/history"}}
event_log_storage:
  module: faulty_storage
  class: FaultyEventLogStorage
  config: {{base_dir: "{home}/history/runs"}}
schedule_storage:
  module: dagster._core.storage.schedules
  class: SqliteScheduleStorage
  config: {{base_dir: "{home}/schedules"}}
""")
    return faulty


@pytest.fixture(scope="module")
def worker(start_worker, fault_file, faulty_home):
    env = {"FAULT_FILE": str(fault_file), "PYTHONPATH": str(CODE)}
    return start_worker(*LOCATION, program="faulty_storage", env=env, at=faulty_home)


@pytest.fixture(params=["run", "report"])
def last_step(request, worker, create_run):
    run = create_run("greet")
    order = {"run": run_order, "report": report_order}[request.param](run, "greet")
    return run, lambda: worker.outcome(worker.start(request.param, **order))


def test_a_step_writes_the_events_of_a_storage_of_another_class_itself(
    worker, instance, create_run, fault_file
):
    fault_file.write_text("commits_then_raises")
    run = create_run("greet")
    frames = worker.finish(worker.start("run", **run_order(run, "greet")))
    assert [frame["type"] for frame in frames] == ["started", "capture", "ask", "outcome", "exited"]
    assert frames[-2]["outcome"]["kind"] == "success"
    assert events(instance, run) == SUCCESS


def test_a_write_that_stands_although_it_raised_counts(last_step, instance, fault_file):
    fault_file.write_text("commits_then_raises")
    run, end_step = last_step
    assert end_step()["kind"] in ("success", "reported")
    assert len(terminal_events(instance, run)) == 1


@pytest.mark.parametrize(
    ("fault", "name"), [("raises", "WriteFailed"), ("raises_unreadably", "WriteInDoubt")]
)
def test_a_write_in_doubt_is_not_tried_again(last_step, instance, fault_file, fault, name):
    fault_file.write_text(fault)
    run, end_step = last_step
    outcome = end_step()
    assert outcome["kind"] == "permit_refused"
    assert outcome["error"]["class"] == name
    assert outcome["error"]["message"].startswith("ConnectionError('the database went away')")
    assert terminal_events(instance, run) == []


def test_a_log_that_cannot_be_read_blames_the_instance(last_step, instance, fault_file):
    fault_file.write_text("unreadable")
    run, end_step = last_step
    outcome = end_step()
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
    assert (outcome["error"]["class"], outcome["error"]["message"]) == (
        "ConnectionError",
        "the database is away",
    )
    assert terminal_events(instance, run) == []


def test_a_log_that_cannot_be_read_again_at_the_end_blames_the_instance(
    worker, create_run, instance, fault_file
):
    fault_file.write_text("goes_unreadable")
    run = create_run("greet")
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet")), pytest.fail)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
    assert terminal_events(instance, run) == []


@pytest.mark.parametrize("event", ["ENGINE_EVENT", "STEP_WORKER_STARTED"])
def test_a_log_that_cannot_be_written_blames_the_instance(
    worker, create_run, instance, fault_file, event
):
    fault_file.write_text(event)
    run = create_run("greet")
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet")))
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
    assert outcome["error"]["message"] == "the database went away"
    assert terminal_events(instance, run) == []


@pytest.mark.parametrize("storage", ["unreadable", "no_runs"])
def test_a_probe_asks_both_storages(worker, fault_file, storage):
    fault_file.write_text("")
    assert worker.outcome(worker.start("probe", run_id=None))["kind"] == "probed"
    fault_file.write_text(storage)
    outcome = worker.outcome(worker.start("probe", run_id=None))
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
    assert outcome["error"]["message"] == "the database is away"


@pytest.mark.parametrize("storage", ["unreadable", "no_runs"])
def test_a_look_that_cannot_read_blames_the_instance(worker, create_run, fault_file, storage):
    fault_file.write_text("")
    run = create_run("greet")
    attempts = [{"run_id": run.run_id, "step_key": "greet", "attempt": 0}]
    assert worker.outcome(worker.start("look", attempts=attempts))["kind"] == "looked"
    fault_file.write_text(storage)
    outcome = worker.outcome(worker.start("look", attempts=attempts))
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
    assert outcome["error"]["message"] == "the database is away"
