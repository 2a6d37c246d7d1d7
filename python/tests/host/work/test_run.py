"""A step runs once, from the run record, and its outcome is what its events say."""

from __future__ import annotations

import pickle
from pathlib import Path

import dagster
import pytest
from dagster import DagsterRunStatus
from dagster._core.execution.plan.state import KnownExecutionState
from orders import (
    SUCCESS,
    engine_messages,
    engine_metadata,
    events,
    find_event,
    report_order,
    run_order,
    terminal_events,
)
from worker_double import DEADLINE, LOCATION, eventually, grant, refuse

from dagster_taskiq.host.wire.frames import PROTOCOL
from dagster_taskiq.instance_id import instance_id


def test_the_first_frame_says_that_the_host_is_ready(worker):
    ready = worker.await_frame("ready")
    assert worker.seen[0] == ready
    assert ready["protocol"] == PROTOCOL
    assert ready["pid"] == worker.process.pid
    assert ready["dagster"] == dagster.__version__
    assert ready["locations"] == [{"name": "host_jobs", "error": None}]


def test_a_step_that_succeeds_writes_its_events_in_order(worker, instance, create_run):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet"))
    frames = worker.finish(order)

    assert [f["type"] for f in frames] == ["started", "capture", "ask", "outcome", "exited"]
    assert [frames[-1][name] for name in ("code", "signal", "killed")] == [0, None, None]
    outcome = frames[-2]["outcome"]
    assert (outcome["kind"], outcome["error"]) == ("success", None)
    assert outcome["result"]["output"] == {"outputs": ["result"], "assets": []}
    seconds = outcome["result"]["completed_at"] - outcome["result"]["started_at"]
    assert outcome["result"]["execution_time_seconds"] == seconds > 0
    assert events(instance, run) == SUCCESS
    assert engine_messages(instance, run) == ["Claimed by worker worker-1: start 1."]


def test_garbage_is_collected_but_not_searched_among_imported_objects(worker, instance, create_run):
    run = create_run("collects_garbage")
    worker.outcome(worker.start("run", **run_order(run, "collects_garbage")))
    stored = Path(instance.storage_directory(), run.run_id, "collects_garbage", "result")
    assert pickle.loads(stored.read_bytes()) == {"collects": True, "left_out": True}


def test_a_takeover_is_in_the_runs_log(worker, instance, create_run):
    run = create_run("greet")
    delivery = {"starts": 2, "receive_count": 3, "taken_over_from": "worker-0"}
    worker.outcome(worker.start("run", **run_order(run, "greet", delivery=delivery)))
    assert engine_messages(instance, run) == [
        "Claimed by worker worker-1: start 2, taken over from worker worker-0, whose lease ended."
    ]
    assert engine_metadata(instance, run) == [
        {
            "worker": "worker-1",
            "message_id": "message-1",
            "receive_count": 3,
            "attempt": 0,
            "starts": 2,
            "taken_over_from": "worker-0",
        }
    ]


@pytest.mark.parametrize(
    ("job", "name", "message"),
    [
        ("fails", "ValueError", "no rain on 31 February"),
        ("fails_by_failure", "Failure", "the station is closed"),
        ("exits", "SystemExit", "4"),
    ],
)
def test_a_step_that_fails_has_its_error_in_the_log(
    worker, instance, create_run, job, name, message
):
    run = create_run(job)
    outcome = worker.outcome(worker.start("run", **run_order(run, job)))
    assert outcome["kind"] == outcome["result"]["state"] == "failure"
    assert (outcome["error"]["class"], outcome["error"]["message"]) == (name, message)
    assert "host_jobs.py" in outcome["error"]["traceback"]
    assert outcome["result"]["error"] == outcome["error"]
    assert outcome["result"]["output"] is None
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_long_errors_are_cut(worker, create_run):
    run = create_run("fails_at_length")
    error = worker.outcome(worker.start("run", **run_order(run, "fails_at_length")))["error"]
    assert len(error["traceback"].encode()) <= 64 * 1024
    assert len(error["message"].encode()) <= 8 * 1024
    assert "[... cut ...]" in error["message"]


def test_a_retry_policy_asks_for_the_next_attempt(worker, instance, create_run):
    run = create_run("flaky")
    outcome = worker.outcome(worker.start("run", **run_order(run, "flaky")))
    assert outcome["kind"] == "up_for_retry"
    assert outcome["error"]["class"] == "ConnectionError"
    assert find_event(instance, run, "STEP_UP_FOR_RETRY").step_retry_data.seconds_to_wait == 7

    outcome = worker.outcome(worker.start("run", **run_order(run, "flaky", retry_count=1)))
    assert outcome["kind"] == "failure"
    assert terminal_events(instance, run) == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert "STEP_RESTARTED" in events(instance, run)


def test_a_step_fails_at_once_where_retries_are_disabled(worker, instance, create_run):
    run = create_run("flaky")
    outcome = worker.outcome(worker.start("run", **run_order(run, "flaky", retry_mode="disabled")))
    assert outcome["kind"] == "failure"
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_a_resource_that_cannot_be_built_ends_the_attempt(worker, instance, create_run):
    run = create_run("lacks_resource")
    outcome = worker.outcome(worker.start("run", **run_order(run, "lacks_resource")))
    assert outcome["kind"] == "resource_init_failure"
    assert outcome["error"]["class"] == "RuntimeError"
    assert outcome["error"]["message"] == "no such database"
    assert terminal_events(instance, run) == ["RESOURCE_INIT_FAILURE"]

    again = worker.outcome(worker.start("run", **run_order(run, "lacks_resource")), refuse)
    assert again["kind"] == "already_recorded"
    assert again["result"]["state"] == "resource_init_failure"
    assert terminal_events(instance, run) == ["RESOURCE_INIT_FAILURE"]


def test_an_asset_is_materialized(worker, create_run, asset_job):
    run = create_run("rain_job", recon=asset_job)
    outcome = worker.outcome(worker.start("run", **run_order(run, "rain")))
    assert outcome["result"]["output"] == {"outputs": ["result"], "assets": ["rain"]}


def test_a_recorded_success_is_not_run_again(worker, instance, create_run):
    run = create_run("greet")
    first = worker.outcome(worker.start("run", **run_order(run, "greet")))
    before = events(instance, run)
    frames = worker.finish(worker.start("run", **run_order(run, "greet")), refuse)
    assert [f["type"] for f in frames] == ["outcome", "exited"]
    assert frames[0]["outcome"] == {**first, "kind": "already_recorded"}
    assert events(instance, run) == before


def test_a_stale_attempt_is_over(worker, create_run):
    run = create_run("flaky")
    worker.outcome(worker.start("run", **run_order(run, "flaky")))
    outcome = worker.outcome(worker.start("run", **run_order(run, "flaky")), refuse)
    assert outcome["kind"] == "already_recorded"
    assert outcome["result"]["state"] == "up_for_retry"


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED, DagsterRunStatus.FAILURE]
)
def test_a_step_of_a_run_that_is_over_does_not_run(worker, instance, create_run, status):
    run = create_run("greet", status=status)
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet")), refuse)
    assert outcome["kind"] == outcome["result"]["state"] == "run_over"
    assert events(instance, run) == ["ENGINE_EVENT"]
    why = f"Step greet was not started: the run is {status.value}."
    assert engine_messages(instance, run) == [why]


@pytest.mark.parametrize("kind", ["run", "report"])
def test_an_unknown_run_is_answered_with_the_identity_of_the_instance(worker, instance, home, kind):
    order = run_order if kind == "run" else report_order
    outcome = worker.outcome(worker.start(kind, **order("no-such-run", "greet")), refuse)
    assert (outcome["kind"], outcome["instance"]) == ("unknown_run", instance_id(instance))
    assert outcome["result"]["state"] == "run_over"
    # A sender of messages could fill the disk otherwise.
    assert list(home.rglob("no-such-run*")) == []


@pytest.mark.parametrize("step", ["no_such_step", "greet[a]", "outer.greet"])
def test_a_step_that_the_run_does_not_execute_is_settled(worker, instance, create_run, step):
    run = create_run("greet")
    for order in (run_order(run, step), run_order(run, step, retry_count=2)):
        outcome = worker.outcome(worker.start("run", **order), refuse)
        assert outcome["kind"] == outcome["result"]["state"] == "run_over"
        assert outcome["error"]["class"] == "NotInPlan"
    assert terminal_events(instance, run) == []
    why = f"Step {step} was not started: run {run.run_id} of job greet executes no step {step}."
    assert engine_messages(instance, run) == [why] * 2


def test_a_step_left_out_of_the_run_is_settled(worker, instance, create_run):
    parent = create_run("fan_in")
    run = create_run(
        "fan_in",
        step_keys=["one"],
        known_state=KnownExecutionState.build_for_reexecution(instance, parent),
        parent_run_id=parent.run_id,
        root_run_id=parent.run_id,
    )
    outcome = worker.outcome(worker.start("run", **run_order(run, "two")), refuse)
    assert outcome["error"]["class"] == "NotInPlan"
    assert worker.outcome(worker.start("run", **run_order(run, "one")))["kind"] == "success"


def test_an_op_that_is_not_the_step_s_is_refused(worker, instance, create_run):
    run = create_run("greet")
    order = run_order(run, "greet", op_name="leave")
    outcome = worker.outcome(worker.start("run", **order), refuse)
    assert outcome["kind"] == "not_open"
    assert outcome["error"]["class"] == "OpNameMismatch"
    assert events(instance, run) == []


def test_the_op_of_a_mapped_step_is_known(worker, create_run):
    run = create_run("dynamic")
    for step in ("split", "shout[a]"):
        order = run_order(run, step, op_name=step.removesuffix("[a]"))
        assert worker.outcome(worker.start("run", **order))["kind"] == "success"


def test_a_malformed_order_is_a_fault_of_its_step(worker):
    outcome = worker.outcome(worker.start("run", envelope={"version": 1}, delivery={}), refuse)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "step")
    assert outcome["error"]["class"] == "WireError"
    assert outcome["error"]["message"].startswith("run_id: expected")


def test_a_fan_in_runs_with_state_rebuilt_from_the_log(worker, create_run):
    run = create_run("fan_in")
    for step in ("one", "two", "total"):
        outcome = worker.outcome(worker.start("run", **run_order(run, step)))
        assert outcome["kind"] == "success", outcome


def test_a_collect_runs_with_state_rebuilt_from_the_log(worker, create_run):
    run = create_run("dynamic")
    for step in ("split", "shout[a]", "shout[b]", "gather"):
        outcome = worker.outcome(worker.start("run", **run_order(run, step)))
        assert outcome["kind"] == "success", outcome


def test_dynamic_outputs_are_not_recorded_twice(worker, instance, create_run):
    run = create_run("dynamic")
    lost = worker.outcome(worker.start("run", **run_order(run, "split")), refuse)
    assert lost["kind"] == "permit_refused"
    before = events(instance, run)

    outcome = worker.outcome(worker.start("run", **run_order(run, "split")), refuse)
    assert outcome["kind"] == "rerun_refused"
    assert outcome["error"] == {
        "class": "DynamicOutputsRecorded",
        "message": "attempt 0 of step split recorded dynamic outputs before its worker was lost",
        "traceback": "",
    }
    assert events(instance, run) == before


def test_a_step_may_forbid_its_rerun(worker, instance, create_run):
    run = create_run("greet")
    worker.outcome(worker.start("run", **run_order(run, "greet")), refuse)
    tags = {"taskiq/on_worker_lost": "fail"}
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet", tags=tags)), refuse)
    assert outcome["kind"] == "rerun_refused"
    assert outcome["error"]["class"] == "WorkerLost"

    outcome = worker.outcome(worker.start("run", **run_order(run, "greet")))
    assert outcome["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_two_steps_run_at_once(worker, create_run, tmp_path):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    held = worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    quick = worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))
    assert quick["kind"] == "success"
    (tmp_path / "go").touch()
    assert worker.outcome(held)["kind"] == "success"


def test_siblings_do_not_share_their_randomness(worker, create_run, tmp_path):
    numbers = tmp_path / "numbers"
    for _ in range(2):
        run = create_run("draws_numbers", config={"file": str(numbers)})
        worker.outcome(worker.start("run", **run_order(run, "draws_numbers")))
    first, second = numbers.read_text().split()
    assert first != second


def test_without_location_flags_the_run_record_says_where_the_code_is(
    start_worker, create_run, home
):
    worker = start_worker()
    assert worker.await_frame("ready")["locations"] == []
    for _ in range(2):
        run = create_run("greet")
        outcome = worker.outcome(worker.start("run", **run_order(run, "greet")))
        assert outcome["kind"] == "success"
    worker.send({"type": "stop"})
    assert worker.process.wait(DEADLINE) == 0


def test_stop_waits_for_the_last_process(start_worker, create_run, tmp_path):
    worker = start_worker(*LOCATION)
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    held = worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    worker.send({"type": "stop"})
    (tmp_path / "go").touch()
    assert worker.outcome(held, grant())["kind"] == "success"
    assert worker.process.wait(DEADLINE) == 0
