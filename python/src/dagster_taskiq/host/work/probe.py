"""Work of kind `probe`: finds out whether a step could run here now, and touches no run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dagster_taskiq.host.record.standing import reaching_storage
from dagster_taskiq.host.wire.outcomes import Outcome, outcome
from dagster_taskiq.host.work.execution import load_job

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from dagster_taskiq.host.wire.orders import ProbeOrder

_NO_RUN = "00000000-0000-0000-0000-000000000000"


def probe(order: ProbeOrder, instance: DagsterInstance) -> Outcome:
    """Read both of Dagster's storages and, if the order names a run, import that run's code."""
    with reaching_storage():
        run = _look(instance, order.run_id)
    if run is not None:
        load_job(instance, run)
    return outcome("probed")


def _look(instance: DagsterInstance, run_id: str | None) -> DagsterRun | None:
    # Not the log of some run: on SQLite, reading it makes a file.
    with contextlib.suppress(NotImplementedError):
        instance.event_log_storage.get_maximum_record_id()
    # Reads even without a run: the answer of the other storage counts.
    return instance.get_run_by_id(run_id or _NO_RUN)
