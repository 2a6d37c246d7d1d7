"""Work of kind `probe`: whether a step could run here now, found out without touching any run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dagster_taskiq.host.record.standing import reaching_storage
from dagster_taskiq.host.wire.outcomes import Outcome, outcome
from dagster_taskiq.host.work.execution import load_job

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import Frame

_NOBODY = "00000000-0000-0000-0000-000000000000"


def probe(frame: Frame, instance: DagsterInstance, _channel: Channel) -> Outcome:
    """Read both of Dagster's storages and, if the frame names a run, import that run's code."""
    with reaching_storage():
        run = _look(instance, frame["run_id"])
    if run is not None:
        load_job(instance, run)
    return outcome("probed")


def _look(instance: DagsterInstance, run_id: str | None) -> DagsterRun | None:
    # Not the log of some run: on SQLite that is a file, made for whoever asks.
    with contextlib.suppress(NotImplementedError):
        instance.event_log_storage.get_maximum_record_id()
    # Asked even without a run: it is the other storage's answer that counts.
    return instance.get_run_by_id(run_id or _NOBODY)
