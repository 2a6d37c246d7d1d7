"""Marks the runs whose steps go to the server of `taskiq dev`, which ends them when it stops.

They would wait forever for a queue that is gone. Nothing else tells them from other runs of the
same Dagster instance, which may be a shared one.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

LOCAL_VARIABLE = "TASKIQ_LOCAL_SQS"
"""The URL of that server, for the run worker and the worker."""
# `cli/dev/ui.ts` looks for it.
LOCAL_TAG = "taskiq/local_sqs"


def mark_local_run(instance: DagsterInstance, run_id: str) -> None:
    """Tag the run with this machine's name and the server's address, if it has one."""
    if local := os.environ.get(LOCAL_VARIABLE):
        instance.add_run_tags(run_id, {LOCAL_TAG: f"{socket.gethostname()} {local}"})
