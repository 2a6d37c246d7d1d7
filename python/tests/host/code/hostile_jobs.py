"""Steps whose code writes to its process's channel, as the machinery around it does."""

import contextlib
import os
import socket
import stat
from pathlib import Path

from dagster import job, op

LINES = {"lines": [str], "files": [str], "then": str}


def channel() -> socket.socket:
    """Return the socket that the host made last, which is the one to this process."""
    for descriptor in range(255, 2, -1):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return socket.socket(fileno=os.dup(descriptor))
    raise AssertionError("this process has no channel")


@op(name="lies", config_schema=LINES)
def tell_lies(context):
    said = "".join(f"{line}\n" for line in context.op_config["lines"]).encode()
    for path in context.op_config["files"]:
        said += Path(path).read_bytes()
    host = channel()
    while True:
        host.sendall(said)
        if context.op_config["then"] == "die":
            os._exit(0)
        if context.op_config["then"] == "go on":
            return


@job
def lies():
    tell_lies()
