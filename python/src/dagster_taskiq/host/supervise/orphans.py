"""Processes that ended steps left behind. They die with their step, however they tried to escape.

Each step process adopts the orphans below it, so what leaves its group and its session stays below
it. When it ends, the host adopts them: a child that is neither a step nor the host's own is one.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection

from dagster_taskiq.host.system import linux


class Orphans:
    """Tells orphans from the children that code which the host imported has started in it."""

    def __init__(self) -> None:
        self._own = set(linux.children())

    def spare(self, pid: int) -> None:
        """Take a child for the host's own."""
        self._own.add(pid)

    def reaped(self, pid: int) -> None:
        """Forget a child; its number may come back."""
        self._own.discard(pid)

    def kill(self, steps: Collection[int]) -> int:
        """Kill all that there are; return how many. Each one's own children come next."""
        found = [pid for pid in linux.children() if pid not in steps and not self._is_own(pid)]
        for pid in found:
            _kill(pid)
        return len(found)

    def _is_own(self, pid: int) -> bool:
        # A step's processes never are in the host's group: the step left it before anything ran.
        with contextlib.suppress(ProcessLookupError):
            return pid in self._own or os.getpgid(pid) == os.getpgid(0)
        return False


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # At once with those it forked, as long as they stayed together: they may be many.
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
