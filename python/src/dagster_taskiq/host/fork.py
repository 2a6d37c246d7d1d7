"""Forks one process and keeps what the host must know of it until it is reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from dagster_taskiq.host.channel import Channel
from dagster_taskiq.host.death import flush_output, leave_now
from dagster_taskiq.host.interrupts import HELD_SIGNALS
from dagster_taskiq.host.outcomes import Outcome


@dataclass
class Forked:
    """A live process, leader of the group that bears its pid."""

    id: str
    pid: int
    channel: Channel
    asking: bool = False
    outcome: Outcome | None = None
    """The last one it told; passed on when it has ended."""

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
