"""`python -m dagster_taskiq.host.spawned`: the step process that runs in a fresh interpreter.

`child/fresh_interpreter.py` starts it. The arguments are the host's pid and the descriptors of the
channel and of the host's lifeline. The order comes over the channel. An interpreter that is started
ahead of need waits for it, without limits and without the code of a location.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from dagster_taskiq.host.child.exit import leave_now
from dagster_taskiq.host.child.fresh_interpreter import become_interpreter
from dagster_taskiq.host.child.lifeline import Lifeline
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.admissions import recording_from
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.orders import RunOrder, handed_on
from dagster_taskiq.host.wire.turns import NEXT


def main(arguments: Sequence[str]) -> NoReturn:
    """Do the ordered work and end, like a fork."""
    host_pid, channel_fd, lifeline_fd = map(int, arguments)
    linux.die_with_parent(signal.SIGKILL)
    channel = Channel(socket.socket(fileno=channel_fd))
    channel.expect_descriptors()
    lifeline = Lifeline.inherited(lifeline_fd)
    began_at = time.time()
    try:
        from dagster_taskiq.host.code.late_code import are_unchanged, files_imported_since
        from dagster_taskiq.host.program import build_instance, prepare_for_steps
        from dagster_taskiq.host.step_process import live

        is_ahead = not _has_come(channel, 0)
        if is_ahead:
            linux.name_process("taskiq-waiting")
            prepare_for_steps()
        instance = build_instance()
        if is_ahead:
            # The instance, or the interpreter's own start, may have imported files of the project.
            files = files_imported_since(0, began_at)
            _has_come(channel, None)
            if not are_unchanged(files):
                become_interpreter(channel, host_pid, lifeline)
        frame = _receive(channel)
        linux.name_process("taskiq-step")
        order, recording = handed_on(frame, RunOrder), recording_from(frame, channel)
    except EOFError:  # the host has ended, or needs no interpreter any more
        leave_now(0)
    except BaseException as error:  # noqa: BLE001 - the outcome reports every error
        cause = error_from(error.__cause__ or error)
        outcome = {"kind": "fault", "result": None, "error": cause, "scope": "instance"}
        channel.send({"type": "outcome", "outcome": outcome})
        leave_now(1)
    # The end is Python's own.
    sys.exit(live(order, instance, channel, host_pid, lifeline, recording=recording))


def _has_come(channel: Channel, seconds: float | None) -> bool:
    """Return whether the order, or the host's end, has come. `None` waits for it."""
    return bool(select.select([channel], [], [], seconds)[0])


def _receive(channel: Channel) -> Frame:
    while True:
        for frame in channel.receive():
            if not isinstance(frame, Broken) and frame["type"] == NEXT:
                return frame


# Not on import: multiprocessing's spawned children import the main module again.
if __name__ == "__main__":
    main(sys.argv[1:])
