"""Limits that the kernel enforces for a step process and, separately, for each one below it."""

from __future__ import annotations

import os
import resource

from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.limits import Limits

# RLIMIT_NPROC counts threads, and those of every step of the same user. It only keeps a fork bomb
# from outrunning the host's own count. An honest step must not meet it first.
_TASKS_PER_PROCESS = 16
_LEAST_TASKS = 1024


def lower_limits(limits: Limits) -> None:
    """In the child, before anything of the step runs."""
    _lower(resource.RLIMIT_CORE, 0)
    if limits.memory is not None:
        # Not RLIMIT_AS: it counts what is only reserved as well, 64 MiB of arena for every thread
        # and what Arrow or a JVM set aside. This one counts private memory that can be written.
        _lower(resource.RLIMIT_DATA, linux.data_bytes() + limits.memory)
    if limits.processes is not None and os.getuid() != 0:  # root is exempt
        room = max(_LEAST_TASKS, _TASKS_PER_PROCESS * limits.processes)
        _lower(resource.RLIMIT_NPROC, linux.tasks_of_user() + room)


def _lower(kind: int, to: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(kind, (limit, limit))
