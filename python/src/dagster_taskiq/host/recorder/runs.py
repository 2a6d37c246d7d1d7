"""Keeps what the recorder has read of runs. Only a run's status and tags can change later."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RunsFilter

from dagster_taskiq.dagster_internals.host import serialize_value
from dagster_taskiq.host.code.sources import RunCode, code_of
from dagster_taskiq.host.record.planned import Plan, plan_of, stored_plans
from dagster_taskiq.host.record.standing import GOING_ON
from dagster_taskiq.recently_used import RecentlyUsed

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

_CANCELED = [DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED]
# How many runs are kept. The recorder reads a forgotten one again.
_MOST_KNOWN = 200


@dataclass(frozen=True)
class KnownRun:
    """A run that went on when it was read."""

    run: DagsterRun
    text: str
    """Dagster's serdes JSON of `run`."""
    code: RunCode | None
    plan: Plan | None


class RunRecords:
    """Reads each run's record, plan and code once."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._known = RecentlyUsed[str, KnownRun](_MOST_KNOWN)

    def going_on(self, run_ids: Collection[str]) -> Mapping[str, KnownRun]:
        """Return those of the runs that go on now. Raises whatever the storage raises."""
        known = {run_id: run for run_id in run_ids if (run := self._known.get(run_id)) is not None}
        found = {run_id: known[run_id] for run_id in runs_going_on(self._instance, known)}
        found |= self._read(set(run_ids) - set(known))
        for run_id, run in found.items():
            self._known.keep(run_id, run)
        return found

    def job_name_of(self, run_id: str) -> str:
        """Return the name of the run's job. Raises whatever the storage raises."""
        known = self._known.get(run_id)
        run = self._instance.get_run_by_id(run_id) if known is None else known.run
        if run is None:
            raise LookupError(f"run {run_id} is unknown")
        return run.job_name

    def _read(self, run_ids: set[str]) -> dict[str, KnownRun]:
        if not run_ids:
            return {}
        wanted = RunsFilter(run_ids=sorted(run_ids), statuses=list(GOING_ON))
        runs = self._instance.get_runs(wanted)
        plan_ids = {run.execution_plan_snapshot_id or "" for run in runs} - {""}
        stored = stored_plans(self._instance, plan_ids)
        found = {}
        for run in runs:
            plan = stored.get(str(run.execution_plan_snapshot_id))
            unpacked = plan_of(self._instance, run) if plan is None else plan.unpacked()
            text = serialize_value(run)
            found[run.run_id] = KnownRun(run, text, code_of(run, plan), unpacked)
        return found


def runs_going_on(instance: DagsterInstance, run_ids: Iterable[str]) -> Collection[str]:
    """Return those of the runs that go on, by one query."""
    wanted = sorted(set(run_ids))
    if not wanted:
        return ()
    return set(instance.get_run_ids(RunsFilter(run_ids=wanted, statuses=list(GOING_ON))))


def runs_over(instance: DagsterInstance, run_ids: Iterable[str]) -> dict[str, bool]:
    """Return the runs that are finished, canceling or unknown; true for those that were canceled.

    By one query, and a second one when there are any.
    """
    wanted = set(run_ids)
    over = sorted(wanted - set(runs_going_on(instance, wanted)))
    if not over:
        return {}
    canceled = instance.get_run_ids(RunsFilter(run_ids=over, statuses=_CANCELED))
    return {run_id: run_id in canceled for run_id in over}
