"""Runs a step in a fresh interpreter instead of a fork, for code that cannot be forked.

The tag `taskiq/isolation: spawn` asks for it. Threads, clients or drivers that the code starts when
it is imported are gone or broken in a fork. Everything else is the same. The process is the host's
child, leads a group of its own, speaks the same frames and writes through the same gate. It costs
what importing Dagster and the code costs, seconds instead of milliseconds.
"""

from __future__ import annotations

import os
import sys
from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.channel import Channel


def become_interpreter(channel: Channel, host_pid: int, lifeline: Lifeline) -> NoReturn:
    """Replace this process by an interpreter that waits for an order on the channel.

    That interpreter runs `spawned.py`.
    """
    kept = (channel.fileno(), lifeline.read_end)
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    program = [sys.executable, *_args_from_interpreter_flags(), "-m", "dagster_taskiq.host.spawned"]
    os.execv(sys.executable, [*program, *map(str, (host_pid, *kept))])  # noqa: S606 - this one
