"""One terminal event per process, under a permit, in time, or none."""

from __future__ import annotations

import signal

import pytest
from orders import events, run_order, terminal_events
from worker_double import eventually, grant, refuse

from dagster_taskiq.host.child.interrupts import interrupts_deferred


@pytest.mark.parametrize("job", ["greet", "fails", "flaky", "lacks_resource"])
def test_a_refused_permit_leaves_nothing_behind(worker, instance, create_run, job):
    run = create_run(job)
    order = worker.start("run", **run_order(run, job))
    outcome = worker.outcome(order, refuse)
    assert outcome["kind"] == "permit_refused"
    assert outcome["result"] is None
    assert outcome["error"]["class"] == "PermitRefused"
    assert terminal_events(instance, run) == []
    assert worker.await_frame("exited", order)["code"] == 75
    assert "STEP_WORKER_STARTED" in events(instance, run)


def test_a_late_permit_counts_as_refused(worker, instance, create_run):
    run = create_run("greet")
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet")), grant(within_ms=0))
    assert outcome["kind"] == "permit_refused"
    assert outcome["error"]["class"] == "PermitLapsed"
    assert outcome["error"]["message"] == "the permit lapsed before the event was written"
    assert terminal_events(instance, run) == []


def test_a_permit_without_a_question_is_not_kept(worker, instance, create_run, tmp_path):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    worker.send({"type": "permit", "id": order, **grant()()})
    (tmp_path / "go").touch()
    assert worker.outcome(order, refuse)["kind"] == "permit_refused"
    assert terminal_events(instance, run) == []


def test_an_interrupt_while_waiting_for_the_permit_does_no_harm(worker, instance, create_run):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet"))
    worker.await_frame("ask", order)
    for name in ("SIGINT", "SIGTERM"):
        worker.send({"type": "kill", "id": order, "signal": name})
    assert worker.outcome(order)["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_an_interrupted_step_asks_before_it_fails(worker, instance, create_run, tmp_path):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    worker.send({"type": "kill", "id": order, "signal": "SIGINT"})
    outcome = worker.outcome(order)
    assert outcome["kind"] == "failure"
    assert outcome["error"]["class"] == "DagsterExecutionInterruptedError"
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_an_interrupt_before_dagster_is_ready_is_kept(worker, instance, create_run, tmp_path):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = worker.start("run", **run_order(run, "waits_for_file"))
    worker.await_frame("started", order)
    worker.send({"type": "kill", "id": order, "signal": "SIGINT"})
    outcome = worker.outcome(order)
    assert outcome["error"]["class"] == "DagsterExecutionInterruptedError"
    # Raised at Dagster's next boundary: while it prepares the step, or in the op on a slow machine.
    ended = {"fault": [], "failure": ["STEP_FAILURE"]}
    assert terminal_events(instance, run) == ended[outcome["kind"]]


def test_an_outcome_outlives_a_hook_that_kills_the_process(worker, instance, create_run):
    run = create_run("dies_in_hook")
    order = worker.start("run", **run_order(run, "dies_in_hook"))
    assert worker.outcome(order)["kind"] == "success"
    assert worker.await_frame("exited", order)["signal"] == signal.SIGKILL.name
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_second_terminal_event_is_not_written(worker, instance, create_run):
    run = create_run("tries_twice")
    order = worker.start("run", **run_order(run, "tries_twice"))
    assert worker.outcome(order)["kind"] == "success"
    assert len([f for f in worker.seen if f["type"] == "ask" and f["id"] == order]) == 1
    assert worker.await_frame("exited", order)["code"] == 75
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_interrupts_wait_for_the_end_of_the_write():
    reached = []

    def deferring():
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        deferring()
    assert reached == ["the end"]


def test_a_forked_copy_of_the_step_records_nothing(worker, instance, create_run):
    run = create_run("forks_and_both_return")
    order = worker.start("run", **run_order(run, "forks_and_both_return"))
    outcome = worker.outcome(order)
    assert outcome["kind"] == "success"
    assert len([f for f in worker.seen if f["type"] == "ask" and f["id"] == order]) == 1
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]
