"""Builds what the worker sends, and reads what came of it in the event log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import (
    ReconstructableJob,
    bootstrap_standalone_recon_job,
)
from dagster._core.events import EngineEventData
from worker_double import CODE

if TYPE_CHECKING:
    from pathlib import Path

DELIVERY: Mapping[str, Any] = {
    "worker": "worker-1",
    "message_id": "message-1",
    "receive_count": 1,
    "starts": 1,
    "taken_over_from": None,
}
TERMINAL = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY", "RESOURCE_INIT_FAILURE"}
SUCCESS = [
    "ENGINE_EVENT",
    "STEP_WORKER_STARTED",
    "RESOURCE_INIT_STARTED",
    "RESOURCE_INIT_SUCCESS",
    "LOGS_CAPTURED",
    "STEP_START",
    "STEP_OUTPUT",
    "HANDLED_OUTPUT",
    "STEP_SUCCESS",
]
"""The events of a step that succeeds."""


def job_at(module: str, job: str, directory: Path = CODE) -> ReconstructableJob:
    return bootstrap_standalone_recon_job(ModuleCodePointer(module, job, str(directory)))


def envelope(run_id: str, step: str, **fields: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "run_id": run_id,
        "step_key": step,
        "op_name": step.partition("[")[0],
        "retry_count": 0,
        "known_state": None,
        "retry_mode": "deferred",
        "on_fault": None,
        "enqueued_at": None,
        "tags": {},
        **fields,
    }


def run_order(run: DagsterRun | str, step: str, **fields: Any) -> dict[str, Any]:
    delivery = {**DELIVERY, **fields.pop("delivery", {})}
    own = ("limits", "within_ms", "ledger")
    more = {name: fields.pop(name) for name in own if name in fields}
    run_id = run if isinstance(run, str) else run.run_id
    return {"envelope": envelope(run_id, step, **fields), "delivery": delivery, **more}


def report_order(run: DagsterRun | str, step: str, **fields: Any) -> dict[str, Any]:
    return {
        "run_id": run if isinstance(run, str) else run.run_id,
        "step_key": step,
        "attempt": 0,
        "retry_in": None,
        "park": False,
        "reason": "crash_loop",
        "message": "started 3 times without an outcome; the budget is 3",
        "delivery": DELIVERY,
        **fields,
    }


def announce(instance: DagsterInstance, run: DagsterRun, step: str) -> None:
    """Say in the log that the step is sent, as the run worker does before it sends it."""
    kind, data = DagsterEventType.STEP_WORKER_STARTING.value, EngineEventData()
    event = DagsterEvent(kind, run.job_name, step_key=step, event_specific_data=data)
    instance.report_dagster_event(event, run.run_id)


def events(instance: DagsterInstance, run: DagsterRun, step: str | None = None) -> list[str]:
    return [
        entry.dagster_event_type.value
        for entry in instance.all_logs(run.run_id)
        if entry.dagster_event_type is not None and (step is None or entry.step_key == step)
    ]


def terminal_events(instance: DagsterInstance, run: DagsterRun) -> list[str]:
    return [name for name in events(instance, run) if name in TERMINAL]


def engine_messages(instance: DagsterInstance, run: DagsterRun) -> list[str]:
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    return [entry.message for entry in entries]


def engine_metadata(instance: DagsterInstance, run: DagsterRun) -> list[dict[str, object]]:
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    noted = [entry.get_dagster_event().engine_event_data.metadata for entry in entries]
    return [{name: value.value for name, value in metadata.items()} for metadata in noted]


def find_event(instance: DagsterInstance, run: DagsterRun, name: str) -> DagsterEvent:
    [entry] = instance.all_logs(run.run_id, of_type=DagsterEventType(name))
    return entry.get_dagster_event()
