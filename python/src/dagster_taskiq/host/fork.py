"""Forks one process and keeps what the host must know of it until it is reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from dagster_taskiq.host.channel import Channel
from dagster_taskiq.host.death import flush_output, leave_now
from dagster_taskiq.host.interrupts import HELD_SIGNALS
from dagster_taskiq.host.outcomes import Outcome, ended_now, outcome


@dataclass
class Forked:
    """A live process, leader of the group that bears its pid."""

    id: str
    pid: int
    channel: Channel
    step: tuple[str, str] | None = None
    """Run id and step key of the step that it runs; None when it runs none."""
    canceled: bool = False
    """Whether it was interrupted because its run is over."""
    born_at: float = field(default_factory=time.time)
    asking: bool = False
    outcome: Outcome | None = None
    """The last one it told; passed on when it has ended."""

    def cancel(self) -> None:
        """Interrupt it, once, as Dagster does: the step's own code cleans up, and records."""
        if not self.canceled:
            self.canceled = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGINT)

    def last_word(self) -> Outcome | None:
        """Return what became of its work; a step that its run's end interrupted is no fault."""
        told = self.outcome
        if self.canceled and (told is None or told.get("kind") == "fault"):
            return outcome("run_over", ended_now("run_over", since=self.born_at))
        return told

    def signal_group(self, number: int) -> None:
        """Signal the whole group; only until the leader is reaped, whose pid is the group's."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def fork_process(identifier: str, live: Callable[[Channel], NoReturn]) -> Forked:
    """Fork; `live` runs in the child and never returns. Raises OSError when there is no room."""
    ours, theirs = socket.socketpair()
    flush_output()  # or both processes would write what is buffered
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
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
    return Forked(identifier, pid, Channel(ours))
