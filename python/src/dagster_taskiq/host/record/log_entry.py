"""Entries of Dagster's event log that the recorder writes for a step that has no process."""

from __future__ import annotations

import time

from dagster import DagsterEvent, EventLogEntry


def log_entry(run_id: str, event: DagsterEvent, level: int) -> EventLogEntry:
    """Return the entry of an event that happens now, as `report_dagster_event` makes it."""
    return EventLogEntry(
        error_info=None,
        level=level,
        user_message="",
        run_id=run_id,
        timestamp=time.time(),
        step_key=event.step_key,
        job_name=event.job_name,
        dagster_event=event,
    )
