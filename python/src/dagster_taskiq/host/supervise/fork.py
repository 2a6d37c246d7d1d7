"""Forks one process and keeps what the host must know of it until it is reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from dagster_taskiq.host.child.exit import flush_output, leave_now
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.child.stacks import DUMP_SIGNAL, write_heading
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.outcomes import Outcome

# User code can write to its process's channel. An outcome has texts of 72 KiB, and as many names as
# the step has outputs and assets; what is read in one turn keeps the other processes waiting.
_LONGEST_FROM_PROCESS = 4 * 1024 * 1024
_READ_TOGETHER = 64 * 1024


class Forked:
    """A process, leader of the group that bears its pid."""

    def __init__(self, identifier: str, pid: int, channel: Channel) -> None:
        self.id = identifier
        self.pid = pid
        self.channel = channel
        self.step: tuple[str, str] | None = None
        """Run id and step key of the step that it runs; None when it runs none."""
        self.what = "the step"
        """What it is, for people."""
        self.born_at = time.time()
        self.asked = 0
        """How often it asked for a permit."""
        self.asking = False
        """It waits for the answer."""
        self.doubted = False
        """One of its frames was not as it should be, which was said."""
        self.outcome: Outcome | None = None
        """The last one it told; passed on when it has ended."""
        self.captured: Mapping[str, str] = {}
        """The files that its stdout and stderr go to, by its own word, below the right folder."""
        self.status: int | None = None
        """Its wait status, once it is reaped."""

    @property
    def name(self) -> str:
        """What to call it in a log."""
        return "no step" if self.step is None else f"run {self.step[0]}, step {self.step[1]}"

    def signal_group(self, number: int) -> None:
        """Signal the whole group; only until the leader is reaped, whose pid is the group's."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def interrupt(self) -> None:
        """SIGINT as Dagster sends it: what is below the step is for its own code to end."""
        self._signal_leader(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the group."""
        self.signal_group(signal.SIGKILL)

    def dump_stacks(self, why: str) -> None:
        """Have it write the stack of every thread to its stderr, wherever that goes."""
        if (path := self.captured.get("stderr")) is not None:
            write_heading(path, f"taskiq: {self.what} is ended: {why}; what it is doing:\n")
        # Hooks are captured; teardown, threads and exit hooks are not: their stacks come here.
        if path is None or self.outcome is not None:
            step = "" if self.step is None else f" ({self.step[1]} of run {self.step[0]})"
            where = "what it is doing, if its stderr log does not say:"
            warn(f"{self.what} is ended{step}: {why}; {where}")
        self._signal_leader(DUMP_SIGNAL)

    def _signal_leader(self, number: int) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)


def fork_process(
    identifier: str,
    live: Callable[[Channel], NoReturn],
    *,
    longest: int = _LONGEST_FROM_PROCESS,
) -> Forked:
    """Fork; `live` runs in the child and never returns. Raises OSError when there is no room."""
    ours, theirs = socket.socketpair()
    flush_output()  # or both processes would write what is buffered
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*HELD_SIGNALS, DUMP_SIGNAL})
    try:
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                live(Channel(theirs))
            finally:
                leave_now(1)
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    # Both sides do this, so that the group exists whoever runs first.
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    channel = Channel(ours, longest=longest, chunk=_READ_TOGETHER)
    return Forked(identifier, pid, channel)
