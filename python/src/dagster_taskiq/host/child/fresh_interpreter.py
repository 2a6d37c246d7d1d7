"""Runs a step in a fresh interpreter instead of a fork, for code that cannot be forked.

The tag `taskiq/isolation: spawn` asks for it. Threads, clients or drivers that the code starts when
it is imported are gone or broken in a fork. Everything else is the same. The process is the host's
child, leads a group of its own, speaks the same frames and writes through the same gate. It costs
what importing Dagster and the code costs, seconds instead of milliseconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.wire.frames import Frame, encode

if TYPE_CHECKING:
    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.admissions import Recording
    from dagster_taskiq.host.wire.channel import Channel


def become_interpreter(
    frame: Frame,
    channel: Channel,
    host_pid: int,
    lifeline: Lifeline,
    recording: Recording | None,
) -> NoReturn:
    """In the fork, replace this process by an interpreter that does the work of `frame`.

    That interpreter runs `spawned.py`.
    """
    lines = [frame] if recording is None else [frame, recording.admission.to_frame()]
    order = _readable(b"".join(map(encode, lines)))
    kept = [channel.fileno(), order, lifeline.read_end]
    if recording is not None:
        kept.append(recording.recorder.fileno())
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    program = [sys.executable, *_args_from_interpreter_flags(), "-m", "dagster_taskiq.host.spawned"]
    os.execv(sys.executable, [*program, *map(str, (host_pid, *kept))])  # noqa: S606 - this one


def _readable(data: bytes) -> int:
    """Return a descriptor that `data` can be read from; a pipe or the channel might not take it."""
    if hasattr(os, "memfd_create"):
        descriptor: int = os.memfd_create("taskiq-order")
    else:  # macOS
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
