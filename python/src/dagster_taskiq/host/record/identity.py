"""Reads the instance's identity before the host is ready, in a process of its own.

The host itself connects to nothing: its forks would share the connection.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.instance_id import instance_id

if TYPE_CHECKING:
    from dagster import DagsterInstance

# A database that is slower is left to the steps, which ask it themselves.
_ANSWER_SECONDS = 10.0


def identity_of(instance: DagsterInstance) -> str | None:
    """Return the identity; None where there is none, or no answer in time."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _send_identity(instance, theirs)
    os.close(theirs)
    try:
        return _read_all(ours).decode(errors="replace") or None
    finally:
        os.close(ours)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _read_all(source: int) -> bytes:
    give_up_at = time.monotonic() + _ANSWER_SECONDS
    text = b""
    while (left := give_up_at - time.monotonic()) > 0:
        if not select.select([source], [], [], left)[0] or not (part := os.read(source, 1024)):
            break
        text += part
    return text


def _send_identity(instance: DagsterInstance, answer: int) -> NoReturn:
    try:
        linux.die_with_parent(signal.SIGKILL)
        os.write(answer, (instance_id(instance) or "").encode())
    except BaseException as error:  # noqa: BLE001 - nothing may unwind into the host's stack
        warn(f"cannot read the identity of the Dagster instance: {error!r}")
    os._exit(0)
