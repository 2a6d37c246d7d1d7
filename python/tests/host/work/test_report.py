"""A report ends an attempt without user code; a notice adds one engine event."""

from __future__ import annotations

import logging

import pytest
from dagster import DagsterRunStatus
from orders import (
    engine_messages,
    events,
    find_event,
    report_order,
    run_order,
)
from worker_double import grant, refuse

MESSAGE = "started 3 times without an outcome; the budget is 3"


def test_a_report_writes_a_step_failure(worker, instance, create_run):
    run = create_run("greet")
    outcome = worker.outcome(worker.start("report", **report_order(run, "greet")))
    assert outcome["kind"] == outcome["result"]["state"] == "reported"
    assert (outcome["error"]["class"], outcome["error"]["message"]) == ("CrashLoop", MESSAGE)
    assert events(instance, run) == ["STEP_FAILURE"]

    event = find_event(instance, run, "STEP_FAILURE")
    assert event.step_key == "greet"
    assert event.step_handle is not None
    assert event.message == f"Step greet was given up by worker worker-1 after 1 starts: {MESSAGE}"
    assert event.step_failure_data.error.cls_name == "CrashLoop"


def test_a_report_writes_a_retry(worker, instance, create_run):
    run = create_run("greet")
    outcome = worker.outcome(worker.start("report", **report_order(run, "greet", retry_in=30.0)))
    assert outcome["kind"] == "reported"
    assert events(instance, run) == ["STEP_UP_FOR_RETRY"]
    assert find_event(instance, run, "STEP_UP_FOR_RETRY").step_retry_data.seconds_to_wait == 30


def test_a_report_writes_a_retry_of_a_later_attempt(worker, instance, create_run):
    run = create_run("greet")
    for attempt in (0, 1):
        order = report_order(run, "greet", attempt=attempt, retry_in=0)
        assert worker.outcome(worker.start("report", **order))["kind"] == "reported"
    assert events(instance, run) == ["STEP_UP_FOR_RETRY"] * 2


def test_a_report_ends_a_mapped_step(worker, instance, create_run):
    run = create_run("dynamic")
    worker.outcome(worker.start("run", **run_order(run, "split")))
    outcome = worker.outcome(worker.start("report", **report_order(run, "shout[a]")))
    assert outcome["kind"] == "reported"
    assert find_event(instance, run, "STEP_FAILURE").step_key == "shout[a]"


@pytest.mark.parametrize("permit", [refuse, grant(within_ms=0)])
def test_a_report_without_a_permit_writes_nothing(worker, instance, create_run, permit):
    run = create_run("greet")
    outcome = worker.outcome(worker.start("report", **report_order(run, "greet")), permit)
    assert outcome["kind"] == "permit_refused"
    assert events(instance, run) == []


def test_a_report_of_an_attempt_that_is_over_writes_nothing(worker, instance, create_run):
    run = create_run("greet")
    worker.outcome(worker.start("run", **run_order(run, "greet")))
    before = events(instance, run)
    outcome = worker.outcome(worker.start("report", **report_order(run, "greet")), refuse)
    assert outcome["kind"] == "already_recorded"
    assert outcome["result"]["state"] == "success"
    assert events(instance, run) == before


def test_a_report_of_a_run_that_is_over_writes_nothing(worker, instance, create_run):
    run = create_run("greet", status=DagsterRunStatus.CANCELED)
    outcome = worker.outcome(worker.start("report", **report_order(run, "greet")), refuse)
    assert outcome["kind"] == "run_over"
    assert events(instance, run) == []


def test_a_report_that_parks_writes_nothing(worker, instance, create_run):
    run = create_run("greet")
    outcome = worker.outcome(
        worker.start("report", **report_order(run, "greet", park=True)), refuse
    )
    assert outcome["kind"] == outcome["result"]["state"] == "parked"
    assert outcome["result"]["error"]["message"] == MESSAGE
    assert events(instance, run) == []


@pytest.mark.parametrize(
    ("level", "number"),
    [("info", logging.INFO), ("warning", logging.WARNING), ("error", logging.ERROR)],
)
def test_a_notice_writes_one_engine_event(worker, instance, create_run, level, number):
    run = create_run("greet")
    notice = {
        "run_id": run.run_id,
        "step_key": "greet",
        "message": "Released: the worker is stopping.",
        "level": level,
        "metadata": {"message_id": "m", "receive_count": 2},
    }
    outcome = worker.outcome(worker.start("notice", **notice), refuse)
    assert outcome == {"kind": "noticed", "result": None, "error": None}
    assert engine_messages(instance, run) == ["Released: the worker is stopping."]
    [entry] = instance.all_logs(run.run_id)
    assert (entry.level, entry.step_key) == (number, "greet")
    metadata = entry.get_dagster_event().engine_event_data.metadata
    assert {name: value.value for name, value in metadata.items()} == notice["metadata"]


def test_a_notice_of_an_unknown_run_is_not_written(worker):
    notice = {"run_id": "no-such-run", "step_key": "greet", "message": "…"}
    outcome = worker.outcome(worker.start("notice", **notice, level="info", metadata={}), refuse)
    assert outcome["kind"] == "run_over"


def test_a_step_that_the_run_does_not_execute_is_not_ended(worker, instance, create_run):
    # Its event would make the run worker fail the whole run.
    run = create_run("greet")
    for order in (report_order(run, "no_such_step"), report_order(run, "no_such_step", park=True)):
        outcome = worker.outcome(worker.start("report", **order), refuse)
        assert (outcome["kind"], outcome["error"]["class"]) == ("run_over", "NotInPlan")
    assert events(instance, run) == []
