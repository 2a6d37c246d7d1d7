"""What a step leaves in its process that the next step of the process would meet.

Objects of Python are left out. Modules, their globals and `os.environ` stay as a step leaves them.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from dagster_taskiq.host.child.exit import flush_output
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.child.process_state import ProcessState
from dagster_taskiq.host.system import linux

_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
# What a step may leave in memory, as a part of the limit that the next step has as well.
_MEMORY_PART = 10


@dataclass(frozen=True)
class Standing:
    """A look at the process."""

    state: ProcessState
    facts: Mapping[str, object]
    descriptors: Mapping[int, tuple[int, int]]
    tasks: int
    data_bytes: int

    @staticmethod
    def now(own: int) -> Standing:
        """Look, but not at the descriptor `own`. Reads some small files of /proc."""
        facts: dict[str, object] = {
            "a timer": [signal.getitimer(timer)[0] > 0 for timer in _TIMERS],
            # Those are blocked at a process's birth.
            "blocked signals": signal.pthread_sigmask(signal.SIG_BLOCK, []) - {*HELD_SIGNALS},
            "another process group": os.getpgrp(),
            "another user or group": (os.getuid(), os.geteuid(), os.getgid(), os.getegid()),
            "another priority": os.getpriority(os.PRIO_PROCESS, 0),
            "limits of the kernel": [resource.getrlimit(limit) for limit in _LIMITS],
            "another sys.stdout or sys.stderr": (id(sys.stdout), id(sys.stderr)),
        }
        tasks = linux.tasks() or threading.active_count()
        descriptors = _descriptors()
        descriptors.pop(own, None)
        return Standing(ProcessState.now(), facts, descriptors, tasks, linux.data_bytes())


class Leftovers:
    """Compares with the process as it was before its first step.

    `memory` is the limit of each step's memory, in bytes. `own` is a descriptor that belongs to the
    step and goes with it.
    """

    def __init__(self, memory: int | None, own: int) -> None:
        self._memory = memory
        self._first = Standing.now(own)

    def find(self, own: int) -> list[str]:
        """Return what is different now, in words for an operator."""
        flush_output()
        linux.flush_c_streams()
        found = self._differences(own)
        if found:
            # What nothing refers to any more may hold a descriptor or a thread.
            gc.collect()
            found = self._differences(own)
        return found

    def _differences(self, own: int) -> list[str]:
        first, now = self._first, Standing.now(own)
        found = first.state.changes_until(now.state, variables=False)
        found += [what for what, value in now.facts.items() if value != first.facts[what]]
        if now.tasks > first.tasks:
            found.append("a thread")
        if linux.children():
            found.append("a process")
        if now.descriptors != first.descriptors:
            found.append("an open descriptor")
        if self._memory is not None:
            grown = now.data_bytes - first.data_bytes
            if grown > self._memory // _MEMORY_PART:
                found.append("a tenth of its memory limit in use")
        return found


def _descriptors() -> dict[int, tuple[int, int]]:
    found = {}
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, and not paths
        with contextlib.suppress(OSError):  # the listing's own
            status = os.fstat(int(name))
            found[int(name)] = (status.st_dev, status.st_ino)
    return found
