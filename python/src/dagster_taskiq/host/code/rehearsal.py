"""Runs a job that does nothing, in memory, before the first fork.

Dagster builds some things when it first uses them, such as the checks of its records. What the base
has built, its forks need not build again.
"""

from __future__ import annotations

import signal

from dagster import DagsterInstance, in_process_executor, job, op

from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.code.importing import ignore_signals

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_NO_TELEMETRY = {"telemetry": {"enabled": False}}


@op
def rehearsed() -> None:
    """Do nothing."""


@job(executor_def=in_process_executor)
def rehearsal() -> None:
    """Run one op."""
    rehearsed()


def rehearse() -> None:
    """Run the job. Leaves nothing behind but what Dagster keeps for itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    try:
        with DagsterInstance.ephemeral(settings=_NO_TELEMETRY) as instance:
            rehearsal.execute_in_process(run_config=_QUIET, instance=instance)
    finally:
        # Dagster has made handlers of its own. What came meanwhile is ignored, too.
        ignore_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
