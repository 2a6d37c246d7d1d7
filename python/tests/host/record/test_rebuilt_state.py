"""What a step knows of those before it: the plan and the event log say it, a message never."""

from __future__ import annotations

import base64
import json
import os
import pickle
import socket
import zlib
from pathlib import Path

import pytest
from dagster import DagsterEventType
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.state import KnownExecutionState, PastExecutionState
from dagster._core.storage.runs.schema import SnapshotsTable
from dagster._serdes import serialize_value
from orders import announce, job_at, report_order, run_order, terminal_events
from worker_double import refuse

from dagster_taskiq.host.location.unpacked_plans import UnpackedPlans
from dagster_taskiq.host.record.planned import StoredPlan
from dagster_taskiq.host.record.standing import look_up, require_open
from dagster_taskiq.host.wire.orders import StepId


def run_all(worker, run, *steps, **fields):
    for step in steps:
        outcome = worker.outcome(worker.start("run", **run_order(run, step, **fields)))
        assert outcome["kind"] == "success", outcome


def state_of(instance, run, step_key, attempt=0):
    step = StepId(run.run_id, step_key, attempt)
    return require_open(instance, look_up(instance, step), step)


def refused(worker, run, step, **fields):
    outcome = worker.outcome(worker.start("run", **run_order(run, step, **fields)), refuse)
    assert outcome["kind"] == "not_open", outcome
    return outcome["error"]["message"]


def test_a_step_reads_the_events_of_the_steps_that_it_loads_from(worker, instance, create_run):
    run = create_run("fan_in")
    run_all(worker, run, "one", "two")
    made = {StepOutputHandle("one"), StepOutputHandle("two")}
    assert state_of(instance, run, "total").ready_outputs == made
    events = look_up(instance, StepId(run.run_id, "total", 0)).events
    assert [(event.step_key, event.kind.value) for event in events] == [
        ("one", "STEP_OUTPUT"),
        ("two", "STEP_OUTPUT"),
    ]
    assert all(
        event.step_key == "one" for event in look_up(instance, StepId(run.run_id, "one", 1)).events
    )


@pytest.mark.parametrize("storage", ["sql", "any"])
def test_a_storage_that_is_not_sql_is_asked_by_dagsters_public_api(
    worker, instance, create_run, monkeypatch, storage
):
    if storage == "any":
        monkeypatch.setattr(
            "dagster_taskiq.host.record.step_events.SqlEventLogStorage", socket.socket
        )
        monkeypatch.setattr("dagster_taskiq.host.record.planned.SqlRunStorage", socket.socket)
    run = create_run("dynamic")
    run_all(worker, run, "split", "shout[a]", "shout[b]")
    state = state_of(instance, run, "gather")
    assert state.dynamic_mappings == {"split": {"result": ["a", "b"]}}
    assert state.ready_outputs == {StepOutputHandle("shout[a]"), StepOutputHandle("shout[b]")}


def test_mappings_of_a_failed_attempt_do_not_count(worker, instance, create_run):
    run = create_run("dynamic")
    lost = worker.outcome(worker.start("run", **run_order(run, "split")), refuse)
    assert lost["kind"] == "permit_refused"
    worker.outcome(worker.start("report", **report_order(run, "split", retry_in=0)))
    assert "has not ended" in refused(worker, run, "shout[a]")
    run_all(worker, run, "split", retry_count=1)

    outputs = instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_OUTPUT)
    assert len(outputs) == 4
    mappings = state_of(instance, run, "shout[a]").dynamic_mappings
    assert mappings == {"split": {"result": ["a"]}}
    run_all(worker, run, "shout[a]", "shout[b]", "gather")


def test_an_optional_dynamic_output_that_never_came_is_a_skip(worker, instance, create_run):
    run = create_run("maybe_dynamic")
    run_all(worker, run, "maybe_split")
    assert "yielded no key a" in refused(worker, run, "shout[a]")


def test_a_required_dynamic_output_may_be_empty(worker, instance, create_run):
    run = create_run("empty_dynamic")
    run_all(worker, run, "split_nothing")
    mappings = state_of(instance, run, "gather").dynamic_mappings
    assert mappings == {"split_nothing": {"result": []}}


def test_of_two_outputs_only_the_one_that_was_made_is_ready(worker, instance, create_run):
    run = create_run("branch")
    run_all(worker, run, "turn_left")
    left = StepOutputHandle("turn_left", "left")
    assert state_of(instance, run, "leftwards").ready_outputs == {left}
    assert state_of(instance, run, "rightwards").ready_outputs == set()
    run_all(worker, run, "leftwards")


def test_a_plan_is_read_once_for_all_steps_of_a_run(worker, instance, create_run):
    run = create_run("fan_in")
    run_all(worker, run, "one")
    with instance.run_storage.connect() as connection:
        gone = connection.execute(
            SnapshotsTable.delete().where(
                SnapshotsTable.c.snapshot_id == run.execution_plan_snapshot_id
            )
        )
    assert gone.rowcount == 1
    run_all(worker, run, "two", "total")


def test_a_run_never_gets_the_plan_of_another(worker, instance, create_run):
    whole, part = create_run("fan_in"), create_run("fan_in", step_keys=["one"])
    run_all(worker, whole, "one", "two")
    run_all(worker, part, "one")
    outcome = worker.outcome(worker.start("run", **run_order(part, "two")))
    assert outcome["kind"] == "run_over", outcome
    run_all(worker, whole, "total")


def test_the_plans_used_last_are_kept_up_to_a_number_of_steps(monkeypatch):
    monkeypatch.setattr("dagster_taskiq.host.location.unpacked_plans._MOST_STEPS", 3)
    plans = UnpackedPlans()
    kept = {name: plans.of(stored_plan(name, 1))[name] for name in "abc"}
    assert plans.of(stored_plan("a", 1))["a"] is kept["a"]
    plans.of(stored_plan("d", 1))
    assert plans.of(stored_plan("a", 1))["a"] is kept["a"]
    assert plans.of(stored_plan("b", 1))["b"] is not kept["b"]
    large = plans.of(stored_plan("large", 9))["large"]
    assert plans.of(stored_plan("large", 9))["large"] is large


def test_a_plan_that_cannot_be_unpacked_is_left_to_the_step(capfd):
    assert UnpackedPlans().of(StoredPlan("p", "bm9uZQ==")) == {}
    assert "cannot keep plan p" in capfd.readouterr().err


def stored_plan(name, steps):
    plan = {
        "steps": [{"key": f"step_{number}"} for number in range(steps)],
        "step_keys_to_execute": [],
        "initial_known_state": None,
        "executor_name": "taskiq",
    }
    return StoredPlan(name, base64.b64encode(zlib.compress(json.dumps(plan).encode())).decode())


def test_a_re_execution_reads_the_outputs_of_its_parent(worker, instance, create_run):
    parent = create_run("fan_in")
    run_all(worker, parent, "one", "two")
    again = create_run(
        "fan_in",
        step_keys=["total"],
        known_state=KnownExecutionState.build_for_reexecution(instance, parent),
        parent_run_id=parent.run_id,
        root_run_id=parent.run_id,
    )
    run_all(worker, again, "total")


def test_a_step_before_whose_inputs_are_made_is_not_run(worker, instance, create_run):
    run = create_run("fan_in")
    run_all(worker, run, "one")
    message = refused(worker, run, "total")
    assert message == "step two, which total loads from, has not ended"
    assert "STEP_START" not in [e.event_type_value for e in total_events(instance, run)]
    outcome = worker.outcome(worker.start("report", **report_order(run, "total")), refuse)
    assert outcome["kind"] == "not_open"
    run_all(worker, run, "two", "total")


def total_events(instance, run):
    return [e.dagster_event for e in instance.all_logs(run.run_id) if e.step_key == "total"]


def test_known_state_in_a_message_is_not_read(worker, instance, create_run):
    run = create_run("fan_in")
    run_all(worker, run, "one")
    ready = {StepOutputHandle("one"), StepOutputHandle("two")}
    for state in (
        serialize_value(KnownExecutionState(ready_outputs=ready)),
        "z:no base64",
        {"ready_outputs": []},
    ):
        assert "has not ended" in refused(worker, run, "total", known_state=state)


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, sprung):
        self.sprung = sprung

    def __reduce__(self):
        return os.mkdir, (str(self.sprung),)


def test_a_message_names_no_file_and_no_other_run(worker, instance, create_run, tmp_path):
    """Every attack is one that a state in the message was once good for."""
    sprung, bait = tmp_path / "sprung", tmp_path / "bait"
    bait.write_bytes(pickle.dumps(Trap(sprung)))
    victim = create_run("dynamic")
    run_all(worker, victim, "split")
    run = create_run("dynamic")
    run_all(worker, run, "split")
    up = "../" * 20 + str(bait).lstrip("/")
    outside = StepOutputHandle("split", "result", up)
    states = [
        KnownExecutionState(
            dynamic_mappings={"split": {"result": [up, "a"]}}, ready_outputs={outside}
        ),
        KnownExecutionState(
            dynamic_mappings={"split": {"result": ["a"]}},
            ready_outputs={StepOutputHandle("split", "result", "a")},
            step_output_versions={StepOutputHandle("shout[a]"): f"../../{victim.run_id}/evil"},
        ),
        KnownExecutionState(
            dynamic_mappings={"split": {"result": ["a", "b"]}},
            parent_state=PastExecutionState(victim.run_id, {outside}, None),
        ),
    ]
    others = Path(instance.storage_directory()) / victim.run_id
    before = sorted(others.rglob("*"))
    for state in states:
        carried = serialize_value(state)
        for key in (up, "../x", "c", "a]["):
            step = f"shout[{key}]"
            outcome = worker.outcome(
                worker.start("run", **run_order(run, step, known_state=carried)), refuse
            )
            assert outcome["kind"] in ("not_open", "run_over"), outcome
    run_all(worker, run, "shout[a]", known_state=serialize_value(states[1]))
    assert not sprung.exists()
    assert sorted(others.rglob("*")) == before
    # The trap works: unpickling the bait is found out.
    pickle.loads(bait.read_bytes())
    assert sprung.exists()


def test_step_keys_that_dagster_would_read_as_other_steps_are_refused(worker, instance, create_run):
    run = create_run("dynamic")
    run_all(worker, run, "split")
    for step in ("shout[?]", "shout[a]x", "shout[a]\nx", "shout[a][b]", "shout"):
        outcome = worker.outcome(worker.start("run", **run_order(run, step, op_name=None)), refuse)
        assert outcome["kind"] in ("run_over", "not_open"), (step, outcome)
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_the_plan_says_which_op_a_step_is_of(worker, instance, create_run):
    run = create_run("dynamic")
    run_all(worker, run, "split")
    state = serialize_value(KnownExecutionState(dynamic_mappings={"split": {"result": ["a"]}}))
    message = refused(worker, run, "shout[a]", op_name="gather", known_state=state)
    assert message == "step shout[a] is of op shout, not gather"


class TestAttempts:
    """Attempt n is open once its n-th retry is recorded, and, from our executor, announced."""

    def test_a_later_attempt_is_neither_run_nor_ended(self, worker, instance, create_run):
        run = create_run("flaky")
        for attempt in (1, 7):
            message = refused(worker, run, "flaky", retry_count=attempt)
            assert message.endswith(f"no retry of attempt {attempt - 1} is recorded")
            for park in (False, True):
                order = report_order(run, "flaky", attempt=attempt, park=park)
                assert worker.outcome(worker.start("report", **order), refuse)["kind"] == "not_open"
        assert instance.all_logs(run.run_id) == []
        worker.outcome(worker.start("run", **run_order(run, "flaky")))
        assert "not open" in refused(worker, run, "flaky", retry_count=2)
        worker.outcome(worker.start("run", **run_order(run, "flaky", retry_count=1)))
        assert terminal_events(instance, run) == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]

    def test_a_resource_failure_opens_no_attempt(self, worker, instance, create_run):
        run = create_run("lacks_resource")
        worker.outcome(worker.start("run", **run_order(run, "lacks_resource")))
        assert terminal_events(instance, run) == ["RESOURCE_INIT_FAILURE"]
        assert "not open" in refused(worker, run, "lacks_resource", retry_count=1)

    def test_the_executor_says_which_attempt_it_sends(self, worker, instance, create_run):
        run = create_run("queued", recon=job_at("host_jobs", "queued"))
        assert "has not sent it" in refused(worker, run, "greet")
        order = report_order(run, "greet")
        assert worker.outcome(worker.start("report", **order), refuse)["kind"] == "not_open"
        announce(instance, run, "greet")
        run_all(worker, run, "greet")

    def test_a_retry_that_waits_for_its_delay_is_not_run(self, worker, instance, create_run):
        run = create_run("queued_flaky", recon=job_at("host_jobs", "queued_flaky"))
        announce(instance, run, "wobbles")
        outcome = worker.outcome(worker.start("run", **run_order(run, "wobbles")))
        assert outcome["kind"] == "up_for_retry"
        assert "has not sent it" in refused(worker, run, "wobbles", retry_count=1)
        announce(instance, run, "wobbles")
        worker.outcome(worker.start("run", **run_order(run, "wobbles", retry_count=1)))
        assert terminal_events(instance, run) == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]


def test_the_gate_reads_the_log_once_more(worker, instance, create_run, tmp_path):
    """A step that was ended meanwhile, by a worker of the version before, writes no second end."""
    file = tmp_path / "go"
    run = create_run("waits_for_file", config={"file": str(file)})
    step = worker.start("run", **run_order(run, "waits_for_file"))
    worker.await_frame("capture", step)
    worker.outcome(worker.start("report", **report_order(run, "waits_for_file")))
    file.touch()
    outcome = worker.outcome(step, refuse)
    assert outcome["kind"] == "already_recorded"
    assert outcome["result"]["state"] == "failure"
    assert terminal_events(instance, run) == ["STEP_FAILURE"]
