"""Events of a step, made without running it."""

from __future__ import annotations

import time
from typing import Any

from dagster import AssetKey, AssetMaterialization, DagsterEvent, DagsterRun, EventLogEntry
from dagster._core.events import (
    EngineEventData,
    StepMaterializationData,
)
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle


def entry(run: DagsterRun, step: str, kind: str, data: Any = None, text: str = "") -> EventLogEntry:
    event = DagsterEvent(
        event_type_value=kind,
        job_name=run.job_name,
        step_handle=StepHandle.parse_from_key(step),
        step_key=step,
        event_specific_data=data,
        message=text,
    )
    return EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id=run.run_id,
        timestamp=time.time(),
        step_key=step,
        job_name=run.job_name,
        dagster_event=event,
    )


def message(run: DagsterRun, step: str, text: str) -> EventLogEntry:
    """Return what user code logs."""
    return EventLogEntry(None, 20, text, run.run_id, time.time(), step, run.job_name, None)


def started(run: DagsterRun, step: str = "greet") -> EventLogEntry:
    return entry(run, step, "STEP_START")


def materialized(run: DagsterRun, step: str = "greet", **fields: Any) -> EventLogEntry:
    about = AssetMaterialization(AssetKey(["rain", step]), **fields)
    return entry(run, step, "ASSET_MATERIALIZATION", StepMaterializationData(about))


def output(run: DagsterRun, step: str = "greet") -> EventLogEntry:
    return entry(run, step, "STEP_OUTPUT", StepOutputData(StepOutputHandle(step, "result")))


def dynamic_output(run: DagsterRun, key: str, step: str = "greet") -> EventLogEntry:
    handle = StepOutputHandle(step, "result", key)
    return entry(run, step, "STEP_OUTPUT", StepOutputData(handle))


def succeeded(run: DagsterRun, step: str = "greet") -> EventLogEntry:
    return entry(run, step, "STEP_SUCCESS", StepSuccessData(duration_ms=1.0))


def noted(run: DagsterRun, step: str = "greet") -> EventLogEntry:
    return entry(run, step, "ENGINE_EVENT", EngineEventData())
