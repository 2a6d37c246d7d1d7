"""Where an attempt stands, by the events of its step in the log."""

from __future__ import annotations

import pytest
from dagster import DagsterEvent, DagsterEventType, EventLogEntry
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._utils.error import SerializableErrorInfo

from dagster_taskiq.host.record.attempt_log import find_attempt, result_of

ERROR = SerializableErrorInfo("no such database", stack=[], cls_name="RuntimeError")
DATA = {
    "RESOURCE_INIT_FAILURE": EngineEventData(error=ERROR),
    "STEP_UP_FOR_RETRY": StepRetryData(error=ERROR, seconds_to_wait=None),
    "STEP_FAILURE": StepFailureData(error=None, user_failure_data=None),
}


def entries(*kinds):
    return [
        EventLogEntry(
            error_info=None,
            level=20,
            user_message="",
            run_id="run",
            timestamp=float(number),
            step_key="rain",
            job_name="weather",
            dagster_event=DagsterEvent(
                DagsterEventType(kind).value,
                "weather",
                step_key="rain",
                event_specific_data=DATA[kind],
            ),
        )
        for number, kind in enumerate(kinds)
    ]


def ended_by(log):
    return None if log.terminal is None else log.terminal.dagster_event_type.value


def test_a_resource_failure_ends_its_attempt_before_the_run_worker_answers():
    log = find_attempt(entries("RESOURCE_INIT_FAILURE"), 0)
    assert ended_by(log) == "RESOURCE_INIT_FAILURE"
    assert result_of(log)["state"] == "resource_init_failure"


def test_a_resource_failure_without_an_answer_opens_no_attempt():
    log = find_attempt(entries("RESOURCE_INIT_FAILURE"), 1)
    assert (log.opened, ended_by(log)) == (False, None)


@pytest.mark.parametrize("answer", ["STEP_UP_FOR_RETRY", "STEP_FAILURE"])
def test_the_run_workers_answer_to_a_resource_failure_ends_the_attempt(answer):
    log = find_attempt(entries("RESOURCE_INIT_FAILURE", answer), 0)
    assert ended_by(log) == answer


def test_the_run_workers_retry_after_a_resource_failure_opens_the_next_attempt():
    events = entries("RESOURCE_INIT_FAILURE", "STEP_UP_FOR_RETRY")
    log = find_attempt(events, 1)
    assert (log.opened, log.entries, ended_by(log)) == (True, [], None)


def test_each_attempt_has_its_own_resource_failure():
    events = entries("RESOURCE_INIT_FAILURE", "STEP_UP_FOR_RETRY", "RESOURCE_INIT_FAILURE")
    log = find_attempt(events, 1)
    assert log.terminal is events[2]
    assert find_attempt(events, 0).terminal is events[1]
