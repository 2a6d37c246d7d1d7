"""Watches one step process against its limits: its age, its signs of life, what it uses."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dagster_taskiq.host.supervise.captured_files import size_of
from dagster_taskiq.host.supervise.kill_ladder import Cause
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.limits import Limits

Over = tuple[Cause, str]

# A flood or a fork bomb runs on for so long before it is seen; a look costs microseconds.
LOOK_SECONDS = 0.5


class Usage:
    """What one process uses. The host reports its events and the files of its output."""

    def __init__(self, pid: int, limits: Limits, now: float) -> None:
        self._pid = pid
        self._limits = limits
        self._born_at = now
        self._last_sign_at = now
        self._sizes: dict[str, int] = {}
        self._looks_at = now
        self._ended_at: float | None = None

    def captured(self, paths: Iterable[str], now: float) -> None:
        """Output goes to these files from now on, too."""
        self._last_sign_at = now
        for path in paths:
            self._sizes.setdefault(path, 0)

    def note_event(self, now: float) -> None:
        """Take an event for a sign of life."""
        self._last_sign_at = now

    def ended(self, now: float) -> None:
        """Note that its end is recorded. From now on its hooks and teardown have a limit."""
        self._ended_at = now

    def wakes_at(self) -> float:
        """Return when to look next; infinity when nothing is limited."""
        return min(self._looks_at if self._looks else math.inf, self._ends_at())

    def overstepped(self, now: float) -> Over | None:
        """Return the limit that it exceeds, and how."""
        limits = self._limits
        if now >= self._ends_at():
            if self._ended_at is not None:
                still = f"it still ran {limits.after_end:g} s after its end was recorded"
                return Cause.AFTER_END, still
            return Cause.TIMED_OUT, f"it ran for longer than {limits.timeout:g} s"
        if self._looks and now >= self._looks_at:
            self._looks_at = now + LOOK_SECONDS
            return self._look(now)
        return None

    def _ends_at(self) -> float:
        if self._ended_at is not None:
            return self._ended_at + self._limits.after_end
        timeout = self._limits.timeout
        return math.inf if timeout is None else self._born_at + timeout

    @property
    def _looks(self) -> bool:
        limits = self._limits
        return any(limit is not None for limit in (limits.silence, limits.output, limits.processes))

    def _look(self, now: float) -> Over | None:
        limits = self._limits
        for path, size in self._sizes.items():
            grown = size_of(path)
            if grown != size:
                self._last_sign_at = now
            self._sizes[path] = grown
            if limits.output is not None and grown > limits.output:
                return Cause.OUTPUT, f"it wrote more than {limits.output} bytes to {path}"
        # Output that goes to no file is not seen, and its absence does not count as silence.
        silence = limits.silence if self._sizes and self._ended_at is None else None
        if silence is not None and now >= self._last_sign_at + silence:
            return Cause.SILENT, f"it wrote no event and no output for {silence:g} s"
        if limits.processes is not None:
            below = linux.count_descendants(self._pid, up_to=limits.processes + 1)
            if below > limits.processes:
                return Cause.PROCESSES, f"it has more than {limits.processes} processes below it"
        return None
