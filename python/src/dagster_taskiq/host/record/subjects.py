"""Which step an event is about. Its key stands in two places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import DagsterEventType

if TYPE_CHECKING:
    from dagster import EventLogEntry


def step_keys_of(entry: EventLogEntry) -> set[str | None]:
    """Return the step's key; more than one if they differ, `None` for an event of no step."""
    event = entry.dagster_event
    if event is None:
        return {entry.step_key}
    keys = {entry.step_key, event.step_key}
    if keys == {None} and event.event_type is DagsterEventType.LOGS_CAPTURED:
        # It names the steps of the process whose output is captured only here.
        return set(event.logs_captured_data.step_keys)
    return keys
