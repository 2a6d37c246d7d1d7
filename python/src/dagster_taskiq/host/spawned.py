"""`python -m dagster_taskiq.host.spawned`: the step process that runs in a fresh interpreter.

`child/fresh_interpreter.py` starts it. The arguments are the host's pid and the descriptors of the
channel, of the order, of the host's lifeline, and of the socket to the recorder, if there is one.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

from dagster_taskiq.host.child.exit import leave_now
from dagster_taskiq.host.child.lifeline import Lifeline
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.admissions import Admission, Recording
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.frames import Broken, decode
from dagster_taskiq.host.wire.orders import Order, order_from


def main(arguments: Sequence[str]) -> NoReturn:
    """Do the ordered work and end, like a fork."""
    host_pid, channel_fd, order_fd, lifeline_fd, *recorder_fds = map(int, arguments)
    linux.die_with_parent(signal.SIGKILL)
    channel = Channel(socket.socket(fileno=channel_fd))
    lifeline = Lifeline.inherited(lifeline_fd)
    try:
        order, admission = _read_order(order_fd)
        recording = None
        if admission is not None:
            [recorder_fd] = recorder_fds
            recording = Recording(admission, Channel(socket.socket(fileno=recorder_fd)))
        from dagster_taskiq.host.program import build_instance
        from dagster_taskiq.host.step_process import live

        instance = build_instance()
    except BaseException as error:  # noqa: BLE001 - the outcome reports every error
        cause = error_from(error.__cause__ or error)
        outcome = {"kind": "fault", "result": None, "error": cause, "scope": "instance"}
        channel.send({"type": "outcome", "outcome": outcome})
        leave_now(1)
    # The end is Python's own.
    sys.exit(live(order, instance, channel, host_pid, lifeline, recording=recording))


def _read_order(descriptor: int) -> tuple[Order, Admission | None]:
    with open(descriptor, "rb") as file:
        line, *more = file.read().splitlines()
    frame = decode(line)
    if isinstance(frame, Broken):
        raise ValueError(f"the order is not a frame: {frame.line}")  # noqa: TRY004
    order = order_from(frame)
    if order is None:
        raise ValueError(f"a frame of type {frame['type']!r} is not an order")
    admissions = [Admission.from_frame(json.loads(each)) for each in more]
    return order, admissions[0] if admissions else None


# Not on import: multiprocessing's spawned children import the main module again.
if __name__ == "__main__":
    main(sys.argv[1:])
