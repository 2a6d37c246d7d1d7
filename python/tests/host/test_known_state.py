"""What a step knows of those before it, carried by the message or rebuilt from the log."""

from __future__ import annotations

import pytest
from dagster import DagsterEventType
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._serdes import serialize_value
from orders import report_order, run_order, terminal_events
from worker_double import refuse

from dagster_taskiq.envelope import encode_known_state
from dagster_taskiq.host.known_state import rebuild


def run_all(worker, run, *steps, **fields):
    for step in steps:
        told = worker.outcome(worker.start("run", **run_order(run, step, **fields)))
        assert told["kind"] == "success", told


@pytest.mark.parametrize("encode", [encode_known_state, str], ids=["encoded", "plain"])
def test_the_carried_state_is_used(worker, instance, create_run, encode):
    run = create_run("fan_in")
    run_all(worker, run, "one", "two")
    state = encode(serialize_value(rebuild(instance, run)))
    run_all(worker, run, "total", known_state=state)


def test_a_carried_state_that_lacks_something_shows(worker, instance, create_run):
    # So the test above could fail: what the message says is what the step loads.
    run = create_run("fan_in")
    run_all(worker, run, "one", "two")
    state = KnownExecutionState(ready_outputs={StepOutputHandle("one", "result")})
    order = run_order(run, "total", known_state=serialize_value(state))
    told = worker.outcome(worker.start("run", **order))
    assert told["kind"] == "failure"
    assert told["error"]["message"] == "expected [1, 2], got [1]"


@pytest.mark.parametrize("state", ["z:no base64", "not serdes", '{"__class__": "DagsterRun"}'])
def test_a_damaged_state_is_a_fault(worker, instance, create_run, state):
    run = create_run("greet")
    told = worker.outcome(worker.start("run", **run_order(run, "greet", known_state=state)), refuse)
    assert (told["kind"], told["scope"]) == ("fault", "step")
    assert terminal_events(instance, run) == []


def test_mappings_of_a_failed_attempt_do_not_count(worker, instance, create_run):
    run = create_run("dynamic")
    lost = worker.outcome(worker.start("run", **run_order(run, "split")), refuse)
    assert lost["kind"] == "permit_refused"
    worker.outcome(worker.start("report", **report_order(run, "split", retry_in=0)))
    run_all(worker, run, "split", retry_count=1)

    outputs = instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_OUTPUT)
    assert len(outputs) == 4
    assert rebuild(instance, run).dynamic_mappings == {"split": {"result": ["a", "b"]}}
    run_all(worker, run, "shout[a]", "shout[b]", "gather")


def test_an_optional_dynamic_output_that_never_came_is_a_skip(worker, instance, create_run):
    run = create_run("maybe_dynamic")
    run_all(worker, run, "maybe_split")
    assert rebuild(instance, run).dynamic_mappings == {"maybe_split": {"result": None}}


def test_a_required_dynamic_output_may_be_empty(worker, instance, create_run):
    run = create_run("empty_dynamic")
    run_all(worker, run, "split_nothing")
    assert rebuild(instance, run).dynamic_mappings == {"split_nothing": {"result": []}}


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


def test_the_attempt_is_the_envelopes(worker, instance, create_run):
    run = create_run("flaky")
    worker.outcome(worker.start("run", **run_order(run, "flaky")))
    state = serialize_value(KnownExecutionState(previous_retry_attempts={"flaky": 0}))
    told = worker.outcome(
        worker.start("run", **run_order(run, "flaky", retry_count=1, known_state=state))
    )
    assert told["kind"] == "failure"
