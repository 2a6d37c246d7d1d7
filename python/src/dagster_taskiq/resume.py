"""Prepares a dead run worker's events for the one that resumes its run (Dagster's run monitoring).

Dagster rebuilds its state by replaying the run's events, in a way that three ordinary logs break.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType
from dagster._core.execution.plan.objects import StepRetryData

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_ENDS = {
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
}
_BEGINS_OR_ENDS = _ENDS | {
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.RESOURCE_INIT_FAILURE,
}


def replayable(events: Sequence[DagsterEvent]) -> list[DagsterEvent]:
    """Return the events that Dagster's `rebuild_from_events` can replay."""
    # Skips are the executor's own work: it decides on them again, and refuses those of others.
    return [event for event in _without_past_waits(events) if not event.is_step_skipped]


def unanswered_resource_failures(
    events: Sequence[DagsterEvent],
) -> dict[str, SerializableErrorInfo]:
    """Return the steps whose RESOURCE_INIT_FAILURE has no verdict yet, with their errors.

    From Dagster 1.12 on the event ends nothing by itself: the run worker that reads it writes the
    failure or the retry, and a replay does not. Older versions take it as the end.
    """
    unanswered: dict[str, SerializableErrorInfo] = {}
    for event in events:
        if event.is_resource_init_failure and event.step_key and event.engine_event_data.error:
            unanswered[event.step_key] = event.engine_event_data.error
        elif event.event_type in _ENDS and event.step_key:
            unanswered.pop(event.step_key, None)
    return unanswered


def _without_past_waits(events: Sequence[DagsterEvent]) -> Iterator[DagsterEvent]:
    """Let a retry whose attempt began start at once.

    Otherwise the replay waits out the retry's delay once more, and the events of the attempt that
    has long begun find it not in flight, which Dagster takes for a broken invariant.
    """
    began: set[str | None] = set()
    reversed_events = []
    for event in reversed(events):
        past = event.is_step_up_for_retry and event.step_key in began
        reversed_events.append(_without_wait(event) if past else event)
        if event.event_type in _BEGINS_OR_ENDS:
            began.add(event.step_key)
    return reversed(reversed_events)


def _without_wait(event: DagsterEvent) -> DagsterEvent:
    data = StepRetryData(error=event.step_retry_data.error, seconds_to_wait=None)
    return event._replace(event_specific_data=data)
