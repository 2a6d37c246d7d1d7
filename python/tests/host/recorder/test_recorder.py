"""One terminal event per attempt, under a permit; what came before it is complete and in order."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from orders import events, run_order, terminal_events
from step_entries import dynamic_output, materialized, message, started, succeeded

from dagster_taskiq.dagster_internals.host import deserialize_value, serialize_value
from dagster_taskiq.host.recorder.step import WRITE_BOUND
from dagster_taskiq.host.system.boot_time import boot_time

numbers = count()


def order_for(run: Any, step: str = "greet", **fields: Any) -> dict[str, Any]:
    return {"type": "run", "id": f"w{next(numbers)}", **run_order(run, step, **fields)}


@pytest.fixture
def step(recorder, run):
    return recorder.begin(order_for(run))


def test_a_step_is_recorded_in_order_and_its_outcome_sent_at_once(step, recorder, instance, run):
    step.event(started(run))
    step.event(dynamic_output(run, "a"))
    step.event(dynamic_output(run, "b"))
    step.end(succeeded(run))
    assert recorder.grant()["event"] == "STEP_SUCCESS"
    step.peer.expect("ended")
    outcome = recorder.outcome()
    assert (outcome["kind"], outcome["result"]["output"]) == (
        "success",
        {"outputs": ["result"], "assets": []},
    )
    step.event(message(run, "greet", "from a hook"))
    step.gone()
    expected = ["ENGINE_EVENT", "STEP_START", "STEP_OUTPUT", "STEP_OUTPUT", "STEP_SUCCESS"]
    assert events(instance, run, "greet") == expected
    assert instance.all_logs(run.run_id)[-1].user_message == "from a hook"


def test_a_flush_is_answered_once_everything_stands(step, instance, run):
    for number in range(50):
        step.event(message(run, "greet", str(number)))
    step.flush()
    logged = [e.user_message for e in instance.all_logs(run.run_id) if e.dagster_event is None]
    assert logged == [str(number) for number in range(50)]


def test_events_of_a_process_that_dies_are_written(step, recorder, instance, run):
    step.event(started(run))
    step.gone()
    assert events(instance, run, "greet")[-1] == "STEP_START"
    assert not recorder.link.has_sent("outcome")


def test_events_wait_for_the_renewal_of_a_lease_that_is_about_to_end(recorder, instance, run):
    step = recorder.begin(order_for(run), until=boot_time() + WRITE_BOUND)
    step.event(started(run))
    step.peer.send("flush")
    assert recorder.begin(order_for(run)).flush() is None
    assert not step.peer.has_sent("flushed")
    assert "STEP_START" not in events(instance, run, "greet")
    recorder.link.send("renew", id=step.order["id"], until=boot_time() + 60)
    step.peer.expect("flushed")
    assert events(instance, run, "greet")[-1] == "STEP_START"


def test_events_of_a_process_that_dies_at_the_end_of_its_lease_are_not_written(
    recorder, instance, run
):
    step = recorder.begin(order_for(run), until=boot_time() + WRITE_BOUND)
    step.event(started(run))
    step.gone()
    assert events(instance, run, "greet") == []


def test_what_a_hook_logs_after_the_end_is_written_though_the_lease_is_over(
    recorder, instance, run
):
    step = recorder.begin(order_for(run), until=boot_time() + WRITE_BOUND)
    step.end(succeeded(run))
    recorder.grant()
    step.peer.expect("ended")
    step.event(message(run, "greet", "from a hook"))
    step.gone()
    assert instance.all_logs(run.run_id)[-1].user_message == "from a hook"


def test_a_terminal_event_whose_process_dies_before_the_permit_is_not_written(
    step, recorder, instance, run
):
    step.event(started(run))
    step.end(succeeded(run))
    recorder.link.expect("ask")
    step.gone()
    recorder.link.send("permit", id=step.order["id"], granted=True, within_ms=60_000)
    assert recorder.begin(order_for(run)).flush() is None
    assert terminal_events(instance, run) == []


def test_a_refused_permit_records_nothing_more(step, recorder, instance, run):
    step.event(started(run))
    step.end(succeeded(run))
    asked = recorder.link.expect("ask")
    recorder.link.send("permit", id=asked["id"], granted=False, within_ms=None)
    step.peer.expect("refused")
    assert recorder.outcome()["error"]["class"] == "PermitRefused"
    step.gone()
    assert events(instance, run, "greet")[-1] == "STEP_START"
    assert terminal_events(instance, run) == []


def test_a_permit_that_has_lapsed_records_nothing(step, recorder, instance, run):
    step.end(succeeded(run))
    recorder.grant(within_ms=0)
    step.peer.expect("refused")
    outcome = recorder.outcome()
    assert (outcome["kind"], outcome["error"]["class"]) == ("permit_refused", "PermitLapsed")
    assert terminal_events(instance, run) == []


def test_a_second_end_is_refused(step, recorder, instance, run):
    step.end(succeeded(run))
    recorder.grant()
    step.peer.expect("ended")
    assert recorder.outcome()["kind"] == "success"
    step.end(succeeded(run))
    step.peer.expect("refused")
    step.gone()
    assert not recorder.link.has_sent("outcome")
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_an_attempt_that_has_ended_meanwhile_asks_for_no_permit(step, recorder, instance, run):
    instance.handle_new_event(succeeded(run))
    step.end(succeeded(run))
    step.peer.expect("refused")
    assert recorder.outcome()["kind"] == "already_recorded"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_later_attempt_that_is_not_open_asks_for_no_permit(recorder, instance, run):
    step = recorder.begin(order_for(run, retry_count=1))
    step.end(succeeded(run))
    step.peer.expect("refused")
    assert recorder.outcome()["kind"] == "not_open"
    assert terminal_events(instance, run) == []


def of_another_run(run: Any) -> dict[str, Any]:
    return {"type": "event", "event": serialize_value(started(run)._replace(run_id="other"))}


def of_another_step(run: Any) -> dict[str, Any]:
    return {"type": "event", "event": serialize_value(started(run, "other"))}


def with_another_key_inside(run: Any) -> dict[str, Any]:
    return {
        "type": "event",
        "event": serialize_value(started(run, "other")._replace(step_key="greet")),
    }


def terminal_as_plain(run: Any) -> dict[str, Any]:
    return {"type": "event", "event": serialize_value(succeeded(run))}


def plain_as_terminal(run: Any) -> dict[str, Any]:
    return {"type": "end", "event": serialize_value(started(run))}


def no_text(_run: Any) -> dict[str, Any]:
    return {"type": "end", "event": 7}


def no_event(_run: Any) -> dict[str, Any]:
    return {"type": "event", "event": json.dumps({"__class__": "DagsterRun"})}


def one_too_few(_run: Any) -> dict[str, Any]:
    return {"type": "flush", "sent": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        of_another_run,
        of_another_step,
        with_another_key_inside,
        terminal_as_plain,
        plain_as_terminal,
        no_text,
        no_event,
        one_too_few,
    ],
)
def test_what_a_step_may_not_send_gives_it_up(step, recorder, instance, run, wrong):
    other = recorder.begin(order_for(run))
    step.peer.channel.send(wrong(run))
    assert step.peer.expect("failed")["error"]["class"] == "UnreadableEvent"
    assert (recorder.outcome()["kind"]) == "fault"
    step.event(started(run))
    step.gone()
    other.flush()
    assert "STEP_START" not in events(instance, run)
    assert terminal_events(instance, run) == []


def test_lines_that_are_not_frames_change_nothing(step, recorder, instance, run):
    garbage = b'\xff\n{"type":7}\n{"type":"outcome"}\n[]\n'
    step.peer.channel._sock.sendall(garbage)
    step.event(started(run))
    step.peer.send("end", event=serialize_value(succeeded(run)), sent=1)
    recorder.grant()
    step.peer.expect("ended")
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


# PostgreSQL's text holds no NUL, and neither driver encodes a lone surrogate.
POISON = {"a NUL": "a\0b", "a lone surrogate": "\ud800"}


@pytest.mark.parametrize("text", POISON.values(), ids=POISON)
def test_a_poisonous_event_fails_its_own_step_at_most(recorder, instance, run, create_run, text):
    other_run = create_run("greet", instance=instance)
    other, step = recorder.begin(order_for(other_run)), recorder.begin(order_for(run))
    other.event(started(other_run))
    step.event(materialized(run, partition=text))
    step.peer.send("flush")
    other.end(succeeded(other_run))
    recorder.grant()
    other.peer.expect("ended")
    other.gone()
    step.gone()
    assert events(instance, other_run)[-2:] == ["STEP_START", "STEP_SUCCESS"]
    # A fault of the instance gives the start back, so the step would be started forever.
    assert {each["scope"] for each in outcomes_of(step)} <= {"step"}
    assert terminal_events(instance, run) == []


def outcomes_of(step: Any) -> list[dict[str, Any]]:
    heard = step.recorder.link.heard("outcome")
    return [frame["outcome"] for frame in heard if frame["id"] == step.order["id"]]


def test_an_event_of_twenty_megabytes_is_written(step, instance, run):
    step.event(message(run, "greet", "x" * 20_000_000))
    step.flush()
    assert len(instance.all_logs(run.run_id)[-1].user_message) == 20_000_000


def test_a_stand_returns_what_the_step_needs(recorder, instance, run):
    first, second = (recorder.stand(order_for(run)) for _ in range(2))
    assert (first["outcome"], second["outcome"]) == (None, None)
    assert deserialize_value(first["run"]).run_id == run.run_id
    assert deserialize_value(first["state"]).get_retry_state().get_attempt_count("greet") == 0
    assert first["code"]["source"]["target"] == "host_jobs"
    assert "code" not in second


def test_a_stand_for_a_run_that_is_over_frees_its_slot_and_says_so(recorder, instance, run):
    assert recorder.stand(order_for(run))["outcome"] is None
    instance.report_run_canceled(run)
    answer = recorder.stand(order_for(run))
    assert answer["outcome"]["kind"] == "run_over"
    assert "greet was not started" in instance.all_logs(run.run_id)[-1].message


def test_a_stand_for_an_attempt_that_is_recorded_tells_how_it_ended(recorder, instance, run):
    instance.handle_new_event(succeeded(run))
    assert recorder.stand(order_for(run))["outcome"]["kind"] == "already_recorded"


def test_a_stand_for_an_unknown_run_names_the_instance(recorder):
    outcome = recorder.stand(order_for("nowhere"))["outcome"]
    assert outcome["kind"] == "unknown_run"
    assert outcome["instance"]


def test_a_look_locates_runs_and_says_which_are_over(recorder, instance, run, create_run):
    over = create_run("greet", instance=instance)
    instance.report_run_canceled(over)
    recorder.base.expect("ask")
    runs = [run.run_id, over.run_id, "nowhere"]
    recorder.base.send("look", locate=[run.run_id, "nowhere"], runs=runs, ended=[])
    located = {f["run_id"]: f["code"] for f in (recorder.base.expect("located") for _ in "ab")}
    assert located["nowhere"] is None
    assert located[run.run_id]["source"]["target"] == "host_jobs"
    assert recorder.base.expect("over")["runs"] == {over.run_id: True, "nowhere": False}
    recorder.base.expect("ask")
