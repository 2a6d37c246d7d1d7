"""Frames of the worker become typed orders once, where they arrive."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from orders import report_order, run_order

from dagster_taskiq.host.wire.limits import Limits
from dagster_taskiq.host.wire.orders import (
    ClaimBesideDagster,
    LookOrder,
    NoticeOrder,
    ProbeOrder,
    ReportOrder,
    RunOrder,
    StepId,
    order_from,
)
from dagster_taskiq.host.wire.steering import Kill, Permit, Renewal, steering_from
from dagster_taskiq.wire_fields import WireError

GOLDEN = {
    path.stem: golden["frame"]
    for path in sorted(Path(__file__).parents[4].glob("fixtures/frames/*.json"))
    if "frame" in (golden := json.loads(path.read_text()))
}
KINDS = {
    "run": RunOrder,
    "report": ReportOrder,
    "notice": NoticeOrder,
    "probe": ProbeOrder,
    "look": LookOrder,
}
ORDERS = {name: frame for name, frame in GOLDEN.items() if frame["type"] in KINDS}
RUN = {"type": "run", "id": "w1", **run_order("run-1", "load")}


@pytest.mark.parametrize("name", ORDERS)
def test_each_golden_order_is_decoded_and_keeps_its_frame_to_hand_on(name):
    order = order_from(ORDERS[name])
    assert type(order) is KINDS[ORDERS[name]["type"]]
    assert (order.id, order.as_sent) == (ORDERS[name]["id"], ORDERS[name])


@pytest.mark.parametrize("name", sorted(GOLDEN.keys() - ORDERS.keys()))
def test_no_other_golden_frame_is_an_order(name):
    assert order_from(GOLDEN[name]) is None


def test_a_run_order_has_the_values_of_its_frame():
    order = order_from(GOLDEN["run-taken-over"])
    assert isinstance(order, RunOrder)
    run_id = "7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11"
    assert order.attempt == StepId(run_id, "mesurer[été]", 0)
    assert (order.delivery.taken_over_from, order.delivery.starts) == ("worker-0", 2)
    assert order.limits == Limits(timeout=900.0, output=1 << 30)


def test_a_run_order_has_the_claim_that_its_host_may_settle():
    order = order_from(GOLDEN["run-beside-dagster"])
    assert isinstance(order, RunOrder)
    assert (order.ledger, order.settles) == (ClaimBesideDagster(schema="taskiq", fence=3), True)
    elsewhere = order_from(GOLDEN["run"])
    assert elsewhere is not None
    assert not elsewhere.settles
    with pytest.raises(WireError, match="fence: expected a whole number from 1 on, got 0"):
        order_from({**RUN, "ledger": {"schema": "taskiq", "fence": 0}})


@pytest.mark.parametrize(
    ("frame", "step", "code"),
    [
        (RUN, ("run-1", "load"), "run-1"),
        ({"type": "report", "id": "w1", **report_order("run-1", "load")}, None, None),
        ({"type": "probe", "id": "w1", "run_id": "run-1"}, None, "run-1"),
        ({"type": "probe", "id": "w1", "run_id": None}, None, None),
        ({"type": "look", "id": "w1", "attempts": []}, None, None),
    ],
)
def test_only_runs_and_probes_of_a_run_need_code_and_only_runs_have_a_step(frame, step, code):
    order = order_from(frame)
    assert order is not None
    assert (order.step, order.needs_code_of) == (step, code)


def test_a_step_tagged_spawn_needs_an_interpreter_and_no_location_host():
    frame = {"type": "run", "id": "w1"}
    spawn = order_from({**frame, **run_order("r", "s", tags={"taskiq/isolation": "spawn"})})
    fork = order_from({**frame, **run_order("r", "s", tags={"taskiq/isolation": "fork"})})
    assert isinstance(spawn, RunOrder)
    assert isinstance(fork, RunOrder)
    assert (spawn.needs_interpreter, spawn.must_fork, spawn.needs_code_of) == (True, False, None)
    assert (fork.needs_interpreter, fork.must_fork, fork.needs_code_of) == (False, True, "r")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"envelope": None}, "envelope: expected an object, got None"),
        ({"delivery": {"worker": 7}}, "worker: expected a string, got 7"),
        ({"limits": {"timeout_ms": "soon"}}, "timeout_ms: expected a number or null, got 'soon'"),
        ({"within_ms": "1s"}, "within_ms: expected a number of milliseconds or null, got '1s'"),
        ({"type": "look"}, "attempts: expected a list of objects, got nothing"),
        ({"type": "probe", "run_id": []}, r"run_id: expected a string or null, got \[\]"),
        ({"type": "report", "run_id": "r", "step_key": "s"}, "attempt: expected a whole number"),
    ],
)
def test_an_order_with_a_wrong_field_names_the_field_the_expectation_and_the_value(change, error):
    with pytest.raises(WireError, match=error):
        order_from({**RUN, **change})


def test_steering_keeps_its_meaning_from_frame_to_frame():
    killed, granted = GOLDEN["kill"], GOLDEN["permit"]
    assert steering_from(killed, 7.0) == Kill("w1", signal.SIGKILL)
    assert steering_from(GOLDEN["renew"], 7.0) == Renewal("w1", 7.0)
    assert steering_from(granted, 7.0) == Permit("w1", 20_000)
    for frame in (killed, granted, GOLDEN["permit-refused"]):
        steering = steering_from(frame, 7.0)
        assert steering is not None
        assert steering.to_frame() == frame
    assert steering_from(GOLDEN["run"], 7.0) is None


@pytest.mark.parametrize("granted", [1, "true", None, False])
def test_only_the_json_value_true_grants_a_permit(granted):
    assert (
        Permit.from_frame({"type": "permit", "granted": granted, "within_ms": 9}).within_ms is None
    )
