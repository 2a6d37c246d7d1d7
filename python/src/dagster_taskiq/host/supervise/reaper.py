"""Reaps processes, and reports a step's end once all that it left behind is dead."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
from collections.abc import Callable, Collection, Iterable

from dagster_taskiq.host.supervise.child_exits import ChildExits
from dagster_taskiq.host.supervise.guard import Guard
from dagster_taskiq.host.supervise.oom import OomKills
from dagster_taskiq.host.supervise.orphans import Orphans
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import warn

# Only a process that this one may not kill, or that the kernel cannot end, takes so long. Orphans
# get less time than the worker waits after a kill, before it takes the whole host for stuck.
_ORPHAN_SECONDS = 3.0
_LAST_SECONDS = 5.0


class Reaper:
    """Owns the ends of all children: steps, orphans, and others."""

    def __init__(self) -> None:
        self.exits = ChildExits()
        """Readable when there is something to reap."""
        self._orphans = Orphans()
        self._oom = OomKills()
        self._waits_until: dict[Guard, float] = {}

    def spare(self, pid: int) -> None:
        """Take a child for the host's own, until it is reaped."""
        self._orphans.spare(pid)

    def reap(self, guards: Iterable[Guard], others: Callable[[int], None]) -> list[Guard]:
        """Reap the children that have ended; return the steps that are gone with all below them.

        `others` gets the pids of all other children.
        """
        now = boot_time()
        by_pid = {guard.process.pid: guard for guard in guards if guard.process.status is None}
        for pid, status in self.exits.reap(before=lambda pid: _kill_group(by_pid.get(pid))):
            self._orphans.reaped(pid)
            if (guard := by_pid.pop(pid, None)) is not None:
                self._note_death(guard, status, now)
            else:
                others(pid)
        return self._gone(by_pid.keys(), now)

    def wakes_at(self) -> float:
        """Return when to reap again though nothing more has ended."""
        return min(self._waits_until.values(), default=math.inf)

    def look(self, now: float) -> None:
        """Read the counters that explain the ends of processes."""
        self._oom.look(now)

    def close(self) -> None:
        """Let go of it in a forked process."""
        self.exits.close()

    def kill_everything(self, guards: Iterable[Guard]) -> None:
        """End every child and what is below it; return when they are reaped, or cannot be."""
        living = list(guards)
        for guard in living:
            guard.process.kill()
        give_up_at = boot_time() + _LAST_SECONDS
        # An end makes what was below it a child of this process: look again after each.
        while (left := linux.children()) and (seconds := give_up_at - boot_time()) > 0:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self.exits], [], [], seconds)
            self.reap(living, others=lambda _: None)

    def _note_death(self, guard: Guard, status: int, now: float) -> None:
        guard.process.exit_with(status)
        self._waits_until[guard] = now + _ORPHAN_SECONDS
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if killed and guard.killed is None and self._oom.recent(now):
            guard.run_out_of_memory()

    def _gone(self, steps: Collection[int], now: float) -> list[Guard]:
        orphans = self._orphans.kill(steps)
        gone = [each for each, until in self._waits_until.items() if not orphans or now >= until]
        for guard in gone:
            del self._waits_until[guard]
            if orphans:
                warn(f"{orphans} processes that steps left behind cannot be ended")
        return gone


def _kill_group(guard: Guard | None) -> None:
    if guard is not None:
        guard.process.kill()
