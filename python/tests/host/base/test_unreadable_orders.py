"""An order that the host cannot decode costs its own step at most."""

from __future__ import annotations

from orders import run_order


def test_an_order_with_a_wrong_field_ends_as_a_fault_and_the_host_goes_on(worker, create_run):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet", limits={"timeout_ms": "soon"}))
    outcome = worker.outcome(order)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "step")
    assert outcome["error"]["message"] == "timeout_ms: expected a number or null, got 'soon'"
    assert worker.outcome(worker.start("probe", run_id=None))["kind"] == "probed"
