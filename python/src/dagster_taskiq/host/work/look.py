"""Work of kind `look`: reads where attempts of steps stand, and touches no run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, RunsFilter

from dagster_taskiq.host.record.attempt_log import BEGINNING, TERMINAL, AttemptLog, find_attempt
from dagster_taskiq.host.record.standing import GOING_ON, reaching_storage
from dagster_taskiq.host.wire.outcomes import Outcome, outcome
from dagster_taskiq.instance_id import instance_id

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, EventLogEntry

    from dagster_taskiq.host.wire.orders import LookOrder, StepId

# The parameters of one query: SQLite has a limit, and a server's planner an opinion.
_RUNS_TOGETHER = 200


def look(order: LookOrder, instance: DagsterInstance) -> Outcome:
    """Return for each attempt, in the order asked for: its run, how it ended, whether it began."""
    attempts = order.attempts
    with reaching_storage():
        identity = instance_id(instance)
        runs = _runs(instance, sorted({attempt.run_id for attempt in attempts}))
        logs = {run_id: _entries_by_step(instance, run_id) for run_id in runs}
    standings = [_standing(attempt, runs, logs) for attempt in attempts]
    return {**outcome("looked"), "standings": standings, "instance": identity}


def _runs(instance: DagsterInstance, run_ids: Sequence[str]) -> dict[str, DagsterRun]:
    some = [run_ids[at : at + _RUNS_TOGETHER] for at in range(0, len(run_ids), _RUNS_TOGETHER)]
    return {
        run.run_id: run
        for ids in some
        for run in instance.get_runs(RunsFilter(run_ids=ids), limit=len(ids))
    }


def _entries_by_step(
    instance: DagsterInstance, run_id: str
) -> Mapping[str | None, Sequence[EventLogEntry]]:
    # One read for all of a run's steps. Not for a run that is unknown: on SQLite that makes a file.
    entries: dict[str | None, list[EventLogEntry]] = defaultdict(list)
    wanted: set[DagsterEventType] = {*TERMINAL, *BEGINNING}
    for entry in instance.all_logs(run_id, of_type=wanted):
        entries[entry.step_key].append(entry)
    return entries


def _standing(
    attempt: StepId,
    runs: Mapping[str, DagsterRun],
    logs: Mapping[str, Mapping[str | None, Sequence[EventLogEntry]]],
) -> Mapping[str, Any]:
    run_id = attempt.run_id
    run = runs.get(run_id)
    log = AttemptLog()
    if run is not None:
        log = find_attempt(logs[run_id].get(attempt.step_key, ()), attempt.attempt)
    terminal = log.terminal
    kind = None if terminal is None else terminal.dagster_event_type
    return {
        "run": None if run is None else _run_fields(run),
        "ended": None if kind is None else TERMINAL[kind],
        "began": log.began,
    }


def _run_fields(run: DagsterRun) -> Mapping[str, Any]:
    return {
        "status": run.status.value,
        "job": run.job_name,
        "goes_on": run.status in GOING_ON,
    }
