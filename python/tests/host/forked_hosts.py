"""Starts step hosts as forks of a process that has imported Dagster: 0.7 s of CPU, not 4 s.

As a program it is that process. It takes one order per line, with the descriptors of one host. For
each it forks a keeper. The keeper forks the host, waits for it, and writes its pid and exit code.
The host runs the same program as a fresh one. Only the modules of Dagster are loaded already.
In the same way it runs scripts, for tests of what a step's process does.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import invalidate_caches
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, BinaryIO

_FRAMES = 3


class ForkedHost:
    """What `subprocess.Popen` offers for a child, as far as tests use it."""

    def __init__(self, status: socket.socket, stdin: int) -> None:
        self._status = status
        self._lines = status.makefile("rb")
        self.pid = int(self._lines.readline())
        self.stdin: BinaryIO = os.fdopen(stdin, "wb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a forked host", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(self._lines.readline())
            self._status.close()
        return self.returncode


class ForkedHosts:
    """The process with Dagster, which starts with the first host."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def _start_process(self) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            )

    def start(
        self,
        flags: Sequence[str],
        frames: socket.socket,
        log: BinaryIO,
        env: Mapping[str, str],
        cwd: Path,
    ) -> ForkedHost:
        arguments = ["--frames-fd", str(_FRAMES), *flags]
        order = {"arguments": arguments, "env": dict(env), "cwd": str(cwd), "script": None}
        return self._fork(order, frames, log.fileno())

    def run_script(
        self, script: str, frames: socket.socket, arguments: Sequence[str]
    ) -> ForkedHost:
        """Run the script as `python -c` would; its first argument is the number of `frames`."""
        order = {
            "arguments": [str(_FRAMES), *arguments],
            "env": dict(os.environ),
            "cwd": str(Path.cwd()),
            "script": script,
        }
        return self._fork(order, frames, sys.stderr.fileno())

    def _fork(self, fields: Mapping[str, Any], frames: socket.socket, output: int) -> ForkedHost:
        if self._process is None:
            self._start_process()
        order = json.dumps(fields)
        status, theirs = socket.socketpair()
        stdin, ours = os.pipe()
        descriptors = [stdin, output, frames.fileno(), theirs.fileno()]
        sent = socket.send_fds(self._orders, [order.encode() + b"\n"], descriptors)
        self._orders.sendall((order.encode() + b"\n")[sent:])
        os.close(stdin)
        theirs.close()
        return ForkedHost(status, ours)

    def close(self) -> None:
        if self._process is not None:
            self._orders.close()
            self._process.wait()


def _serve(orders: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    import dagster_taskiq.host.base.base
    import dagster_taskiq.host.step_process  # noqa: F401 - and with both all of Dagster
    from dagster_taskiq.host.code.preload import preload

    preload()
    _open_an_instance()
    # A look for garbage, also the one at the end of each fork, would copy all of it.
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while received := _receive(orders):
        order, descriptors = received
        if os.fork() == 0:
            orders.close()
            _keep(order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _open_an_instance() -> None:
    """Let Dagster read its migrations and compile its statements once for all hosts."""
    from dagster import DagsterInstance

    with tempfile.TemporaryDirectory() as home:
        Path(home, "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        DagsterInstance.from_config(home).dispose()


def _receive(orders: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    data, descriptors, _, _ = socket.recv_fds(orders, 1 << 16, 4)
    while data and not data.endswith(b"\n"):
        data += orders.recv(1 << 16)
    return (json.loads(data), descriptors) if data else None


def _keep(order: dict[str, Any], descriptors: list[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *of_host, status = descriptors
    pid = os.fork()
    if pid == 0:
        _become_host(order, of_host)
    # Only the host keeps the frames open, so that they end with it.
    os.dup2(status, 0)
    os.closerange(_FRAMES, max(*descriptors) + 1)
    os.write(0, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    try:
        os.write(0, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    finally:
        os._exit(0)


def _become_host(order: dict[str, Any], descriptors: list[int]) -> None:
    # Copies above all of their places first, so that none is overwritten before it is moved.
    above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FRAMES + 1) for descriptor in descriptors]
    for descriptor, places in zip(above, ([0], [1, 2], [_FRAMES]), strict=True):
        for place in places:
            os.dup2(descriptor, place)
    os.closerange(_FRAMES + 1, max(above) + 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    added = order["env"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [order["cwd"], *(path for path in added if path)]
    invalidate_caches()
    # As Dagster's import does in a fresh host: a working directory that is listed for the first
    # time while a location is imported would count as part of its code.
    list(Distribution.discover(name="dagster"))
    random.seed()
    if order["script"] is None:
        sys.argv = ["dagster_taskiq.host", *order["arguments"]]
        runpy.run_module("dagster_taskiq.host", run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *order["arguments"]]
        exec(compile(order["script"], "<string>", "exec"), {"__name__": "__main__"})
    sys.exit()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
