"""Where attempts stand, read for many at once and without touching a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import DagsterRunStatus
from orders import events, report_order, run_order

from dagster_taskiq.instance_id import instance_id


def _attempt(run_id: str, step: str, number: int = 0) -> Mapping[str, Any]:
    return {"run_id": run_id, "step_key": step, "attempt": number}


def _look(worker, *attempts: Mapping[str, Any]) -> list[Any]:
    outcome = worker.outcome(worker.start("look", attempts=list(attempts)))
    assert outcome["kind"] == "looked", outcome
    return list(outcome["standings"])


def test_a_look_answers_many_attempts_in_the_order_asked_for(worker, instance, create_run):
    ran, given_up, fresh = create_run("greet"), create_run("greet"), create_run("greet")
    worker.outcome(worker.start("run", **run_order(ran, "greet")))
    worker.outcome(worker.start("report", **report_order(given_up, "greet", retry_in=30.0)))
    standings = _look(
        worker,
        _attempt(given_up.run_id, "greet", 1),
        _attempt(ran.run_id, "greet"),
        _attempt("no-such-run", "greet"),
        _attempt(given_up.run_id, "greet"),
        _attempt(fresh.run_id, "greet"),
        _attempt(ran.run_id, "no_such_step"),
    )
    ends = [(standing["ended"], standing["began"]) for standing in standings]
    assert ends == [
        (None, False),
        ("success", True),
        (None, False),
        ("up_for_retry", False),
        (None, False),
        (None, False),
    ]
    assert standings[2]["run"] is None
    assert standings[1]["run"] == {"status": "STARTED", "job": "greet", "goes_on": True}
    assert events(instance, fresh) == []


def test_a_look_says_whether_a_run_goes_on(worker, create_run):
    run = create_run("greet", status=DagsterRunStatus.CANCELING)
    [standing] = _look(worker, _attempt(run.run_id, "greet"))
    assert standing["run"] == {"status": "CANCELING", "job": "greet", "goes_on": False}


def test_a_look_answers_for_more_runs_than_one_query_takes(worker, create_run):
    run = create_run("greet")
    unknown = [_attempt(f"no-such-run-{n}", "greet") for n in range(500)]
    standings = _look(worker, *unknown, _attempt(run.run_id, "greet"), *unknown)
    assert [at for at, standing in enumerate(standings) if standing["run"] is not None] == [500]


def test_a_look_says_which_instance_was_asked(worker, instance):
    outcome = worker.outcome(worker.start("look", attempts=[_attempt("no-such-run", "greet")]))
    assert outcome["instance"] == worker.await_frame("ready")["instance"] == instance_id(instance)


def test_a_look_at_no_attempts_answers_none(worker):
    assert _look(worker) == []
