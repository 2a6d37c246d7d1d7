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


def test_handshake(worker):
    ready = worker.await_frame("ready")
    assert worker.seen[0] == ready
    assert ready["protocol"] == PROTOCOL
    assert ready["pid"] == worker.process.pid
    assert ready["dagster"] == dagster.__version__
    assert ready["locations"] == [{"name": "host_jobs", "error": None}]


def test_success(worker, instance, create_run):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet"))
    frames = worker.finish(order)

    assert [f["type"] for f in frames] == ["started", "capture", "ask", "outcome", "exited"]
    assert [frames[-1][name] for name in ("code", "signal", "killed")] == [0, None, None]
    told = frames[-2]["outcome"]
    assert (told["kind"], told["error"]) == ("success", None)
    assert told["result"]["output"] == {"outputs": ["result"], "assets": []}
    seconds = told["result"]["completed_at"] - told["result"]["started_at"]
    assert told["result"]["execution_time_seconds"] == seconds > 0
    assert events(instance, run) == SUCCESS
    assert engine_messages(instance, run) == ["Claimed by worker worker-1: start 1."]


def test_garbage_is_collected_but_not_looked_for_among_what_was_imported(
    worker, instance, create_run
):
    run = create_run("collects_garbage")
    worker.outcome(worker.start("run", **run_order(run, "collects_garbage")))
    stored = Path(instance.storage_directory(), run.run_id, "collects_garbage", "result")
    assert pickle.loads(stored.read_bytes()) == {"collects": True, "left_out": True}


def test_takeover_is_told(worker, instance, create_run):
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
def test_failure(worker, instance, create_run, job, name, message):
    run = create_run(job)
    told = worker.outcome(worker.start("run", **run_order(run, job)))
    assert told["kind"] == told["result"]["state"] == "failure"
    assert (told["error"]["class"], told["error"]["message"]) == (name, message)
    assert "host_jobs.py" in told["error"]["traceback"]
    assert told["result"]["error"] == told["error"]
    assert told["result"]["output"] is None
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_long_errors_are_cut(worker, create_run):
    run = create_run("fails_at_length")
    error = worker.outcome(worker.start("run", **run_order(run, "fails_at_length")))["error"]
    assert len(error["traceback"].encode()) <= 64 * 1024
    assert len(error["message"].encode()) <= 8 * 1024
    assert "[... cut ...]" in error["message"]


def test_retry_policy(worker, instance, create_run):
    run = create_run("flaky")
    told = worker.outcome(worker.start("run", **run_order(run, "flaky")))
    assert told["kind"] == "up_for_retry"
    assert told["error"]["class"] == "ConnectionError"
    assert find_event(instance, run, "STEP_UP_FOR_RETRY").step_retry_data.seconds_to_wait == 7

    told = worker.outcome(worker.start("run", **run_order(run, "flaky", retry_count=1)))
    assert told["kind"] == "failure"
    assert terminal_events(instance, run) == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert "STEP_RESTARTED" in events(instance, run)


def test_retries_disabled(worker, instance, create_run):
    run = create_run("flaky")
    told = worker.outcome(worker.start("run", **run_order(run, "flaky", retry_mode="disabled")))
    assert told["kind"] == "failure"
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_resource_init_failure(worker, instance, create_run):
    run = create_run("lacks_resource")
    told = worker.outcome(worker.start("run", **run_order(run, "lacks_resource")))
    assert told["kind"] == "resource_init_failure"
    assert told["error"]["class"] == "RuntimeError"
    assert told["error"]["message"] == "no such database"
    assert terminal_events(instance, run) == ["RESOURCE_INIT_FAILURE"]

    again = worker.outcome(worker.start("run", **run_order(run, "lacks_resource")), refuse)
    assert again["kind"] == "already_recorded"
    assert again["result"]["state"] == "resource_init_failure"
    assert terminal_events(instance, run) == ["RESOURCE_INIT_FAILURE"]


def test_asset(worker, create_run, asset_job):
    run = create_run("rain_job", recon=asset_job)
    told = worker.outcome(worker.start("run", **run_order(run, "rain")))
    assert told["result"]["output"] == {"outputs": ["result"], "assets": ["rain"]}


def test_a_recorded_success_is_not_run_again(worker, instance, create_run):
    run = create_run("greet")
    first = worker.outcome(worker.start("run", **run_order(run, "greet")))
    before = events(instance, run)
    frames = worker.finish(worker.start("run", **run_order(run, "greet")), refuse)
    assert [f["type"] for f in frames] == ["started", "outcome", "exited"]
    assert frames[1]["outcome"] == {**first, "kind": "already_recorded"}
    assert events(instance, run) == before


def test_a_stale_attempt_is_over(worker, create_run):
    run = create_run("flaky")
    worker.outcome(worker.start("run", **run_order(run, "flaky")))
    told = worker.outcome(worker.start("run", **run_order(run, "flaky")), refuse)
    assert told["kind"] == "already_recorded"
    assert told["result"]["state"] == "up_for_retry"


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED, DagsterRunStatus.FAILURE]
)
def test_run_over(worker, instance, create_run, status):
    run = create_run("greet", status=status)
    told = worker.outcome(worker.start("run", **run_order(run, "greet")), refuse)
    assert told["kind"] == told["result"]["state"] == "run_over"
    assert events(instance, run) == ["ENGINE_EVENT"]
    why = f"Step greet was not started: the run is {status.value}."
    assert engine_messages(instance, run) == [why]


@pytest.mark.parametrize("kind", ["run", "report"])
def test_an_unknown_run_is_told_with_the_identity_of_who_was_asked(worker, instance, home, kind):
    order = run_order if kind == "run" else report_order
    told = worker.outcome(worker.start(kind, **order("no-such-run", "greet")), refuse)
    assert (told["kind"], told["instance"]) == ("unknown_run", instance_id(instance))
    assert told["result"]["state"] == "run_over"
    # Whoever may send messages would fill the disk.
    assert list(home.rglob("no-such-run*")) == []


@pytest.mark.parametrize("step", ["no_such_step", "greet[a]", "outer.greet"])
def test_a_step_that_the_run_does_not_execute_is_settled(worker, instance, create_run, step):
    run = create_run("greet")
    for order in (run_order(run, step), run_order(run, step, retry_count=2)):
        told = worker.outcome(worker.start("run", **order), refuse)
        assert told["kind"] == told["result"]["state"] == "run_over"
        assert told["error"]["class"] == "NotInPlan"
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
    told = worker.outcome(worker.start("run", **run_order(run, "two")), refuse)
    assert told["error"]["class"] == "NotInPlan"
    assert worker.outcome(worker.start("run", **run_order(run, "one")))["kind"] == "success"


def test_an_op_that_is_not_the_step_s_is_refused(worker, instance, create_run):
    run = create_run("greet")
    order = run_order(run, "greet", op_name="leave")
    told = worker.outcome(worker.start("run", **order), refuse)
    assert told["kind"] == "not_open"
    assert told["error"]["class"] == "OpNameMismatch"
    assert events(instance, run) == []


def test_the_op_of_a_mapped_step_is_known(worker, create_run):
    run = create_run("dynamic")
    for step in ("split", "shout[a]"):
        order = run_order(run, step, op_name=step.removesuffix("[a]"))
        assert worker.outcome(worker.start("run", **order))["kind"] == "success"


def test_malformed_order(worker):
    told = worker.outcome(worker.start("run", envelope={"version": 1}, delivery={}), refuse)
    assert (told["kind"], told["scope"]) == ("fault", "step")
    assert told["error"]["class"] == "WireError"
    assert told["error"]["message"].startswith("run_id: expected")


def test_fan_in_with_state_rebuilt_from_the_log(worker, create_run):
    run = create_run("fan_in")
    for step in ("one", "two", "total"):
        told = worker.outcome(worker.start("run", **run_order(run, step)))
        assert told["kind"] == "success", told


def test_collect_with_state_rebuilt_from_the_log(worker, create_run):
    run = create_run("dynamic")
    for step in ("split", "shout[a]", "shout[b]", "gather"):
        told = worker.outcome(worker.start("run", **run_order(run, step)))
        assert told["kind"] == "success", told


def test_dynamic_outputs_are_not_recorded_twice(worker, instance, create_run):
    run = create_run("dynamic")
    lost = worker.outcome(worker.start("run", **run_order(run, "split")), refuse)
    assert lost["kind"] == "permit_refused"
    before = events(instance, run)

    told = worker.outcome(worker.start("run", **run_order(run, "split")), refuse)
    assert told["kind"] == "rerun_refused"
    assert told["error"] == {
        "class": "DynamicOutputsRecorded",
        "message": "attempt 0 of step split recorded dynamic outputs before its worker was lost",
        "traceback": "",
    }
    assert events(instance, run) == before


def test_a_step_may_forbid_its_rerun(worker, instance, create_run):
    run = create_run("greet")
    worker.outcome(worker.start("run", **run_order(run, "greet")), refuse)
    tags = {"taskiq/on_worker_lost": "fail"}
    told = worker.outcome(worker.start("run", **run_order(run, "greet", tags=tags)), refuse)
    assert told["kind"] == "rerun_refused"
    assert told["error"]["class"] == "WorkerLost"

    told = worker.outcome(worker.start("run", **run_order(run, "greet")))
    assert told["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_two_steps_at_once(worker, create_run, tmp_path):
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
        told = worker.outcome(worker.start("run", **run_order(run, "greet")))
        assert told["kind"] == "success"
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
