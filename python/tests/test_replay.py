"""What a resumed executor is handed of its predecessor's log, and when."""

from dagster import DagsterEvent, DagsterEventType
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData, StepSuccessData
from dagster._utils.error import SerializableErrorInfo

from dagster_taskiq.resume import Replay

ERROR = SerializableErrorInfo("foul weather", stack=[], cls_name=None)


def event(kind: str, step_key: str | None = "a", wait: float | None = None) -> DagsterEvent:
    data = {
        "RESOURCE_INIT_FAILURE": EngineEventData(error=ERROR),
        "STEP_UP_FOR_RETRY": StepRetryData(error=ERROR, seconds_to_wait=wait),
        "STEP_SUCCESS": StepSuccessData(duration_ms=1.0),
        "STEP_FAILURE": StepFailureData(error=None, user_failure_data=None),
    }
    return DagsterEvent(
        DagsterEventType(kind).value,
        "job",
        event_specific_data=data.get(kind),
        step_key=step_key,
    )


def kinds(events: list[DagsterEvent]) -> list[str]:
    return [event.event_type_value for event in events]


RETRIED = [
    event("STEP_START"),
    event("STEP_UP_FOR_RETRY", wait=60.0),
    event("STEP_RESTARTED"),
    event("STEP_SUCCESS"),
]


def test_events_wait_for_their_attempt() -> None:
    replay = Replay([event("PIPELINE_START", None), *RETRIED])
    assert kinds(replay.release()) == ["PIPELINE_START"]
    assert replay.launch("a", 0)
    assert kinds(replay.release()) == ["STEP_START", "STEP_UP_FOR_RETRY"]
    assert replay.launch("a", 1)
    assert kinds(replay.release()) == ["STEP_RESTARTED", "STEP_SUCCESS"]
    assert replay.release() == []


def test_an_open_attempt_is_not_over_and_what_it_does_next_is_handed_on() -> None:
    replay = Replay([event("STEP_START")])
    assert not replay.is_next_over("a")
    assert not replay.launch("a", 0)
    replay.hold([event("STEP_SUCCESS")])
    assert kinds(replay.release()) == ["STEP_START", "STEP_SUCCESS"]


def test_the_log_s_order_is_kept_across_steps() -> None:
    log = [event("STEP_START", "b"), event("STEP_START"), event("STEP_FAILURE", "b")]
    replay = Replay(log)
    replay.launch("a", 0)
    replay.launch("b", 0)
    assert replay.release() == log


def test_a_delay_is_waited_out_unless_the_next_attempt_has_begun() -> None:
    for log, wait in ((RETRIED[:2], 60.0), (RETRIED[:3], None)):
        replay = Replay(log)
        replay.launch("a", 0)
        assert replay.release()[-1].step_retry_data.seconds_to_wait == wait


def test_a_step_whose_next_attempt_is_over_needs_no_slot() -> None:
    replay = Replay(RETRIED[:3])
    assert replay.is_next_over("a")
    replay.launch("a", 0)
    assert not replay.is_next_over("a")


def test_a_resource_failure_is_handed_on_until_it_is_answered() -> None:
    failed = event("RESOURCE_INIT_FAILURE")
    for log, handed in (
        ([failed], ["RESOURCE_INIT_FAILURE"]),
        ([failed, event("STEP_FAILURE")], ["STEP_FAILURE"]),
        ([failed, event("STEP_UP_FOR_RETRY", wait=0.0)], ["STEP_UP_FOR_RETRY"]),
    ):
        replay = Replay(log)
        assert replay.launch("a", 0)
        assert kinds(replay.release()) == handed


def test_past_skips_are_left_out_and_new_ones_are_handed_on() -> None:
    skipped = event("STEP_SKIPPED")
    replay = Replay([skipped])
    assert replay.release() == []
    replay.hold([skipped])
    assert replay.release() == [skipped]
