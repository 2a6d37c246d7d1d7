"""Plays the worker: starts a real step host and speaks frames with it over a socket pair."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_taskiq.host.wire.frames import Broken, Frame, FrameReader, encode

if TYPE_CHECKING:
    from forked_hosts import ForkedHost, ForkedHosts

CODE = Path(__file__).parent / "fixtures"
LOCATION = ("-m", "host_jobs", "-d", str(CODE))

# Generous, because it is only ever reached by a failure.
DEADLINE = 180.0


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait for a fact that no frame tells; return it. Raises TimeoutError past the deadline."""
    give_up_at = time.monotonic() + DEADLINE
    while not (fact := condition()):
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"never came true: {condition}")
        time.sleep(0.01)
    return fact


Granting = Callable[[], Mapping[str, Any]]


def grant(within_ms: float = 30_000) -> Granting:
    return lambda: {"granted": True, "within_ms": within_ms}


granted = grant()


def refuse() -> Mapping[str, Any]:
    return {"granted": False, "within_ms": None}


class WorkerDouble:
    """One host process. Frames are kept by id; waiting is always for a frame, with a deadline."""

    def __init__(
        self,
        home: Path,
        *flags: str,
        env: Mapping[str, str] | None = None,
        program: str = "dagster_taskiq.host",
        hosts: ForkedHosts | None = None,
    ) -> None:
        self._socket, theirs = socket.socketpair()
        self.output = home / f"host-{time.monotonic_ns()}.log"
        variables = {**os.environ, "DAGSTER_HOME": str(home), **(env or {})}
        self.process: subprocess.Popen[bytes] | ForkedHost
        with self.output.open("wb") as log, theirs:
            frames = theirs.fileno()
            self.process = (
                subprocess.Popen(
                    [sys.executable, "-m", program, "--frames-fd", str(frames), *flags],
                    pass_fds=[frames],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=variables,
                    cwd=home,
                )
                if hosts is None
                else hosts.start(flags, theirs, log, variables, home)
            )
        self._reader = FrameReader()
        self._ids = count(1)
        self.seen: list[Frame] = []
        self.broken: list[str] = []

    def send(self, frame: Frame) -> None:
        self._socket.sendall(encode(frame))

    def start(self, kind: str, **fields: Any) -> str:
        identifier = f"w{next(self._ids)}"
        self.send({"type": kind, "id": identifier, **fields})
        return identifier

    def answer(self, identifier: str, permit: Granting) -> None:
        self.await_frame("ask", identifier)
        self.send({"type": "permit", "id": identifier, **permit()})

    def finish(self, identifier: str, permit: Granting = granted) -> list[Frame]:
        """Answer what is asked until the process has ended; return its frames."""
        answered = 0
        while not self._found("exited", identifier):
            asks = len(self._of(identifier, "ask"))
            if asks > answered:
                answered += 1
                self.send({"type": "permit", "id": identifier, **permit()})
                continue
            self.read()
        return [f for f in self.seen if f.get("id") == identifier]

    def outcome(self, identifier: str, permit: Granting = granted) -> Mapping[str, Any]:
        frames = self.finish(identifier, permit)
        [outcome] = [f["outcome"] for f in frames if f["type"] == "outcome"]
        return outcome

    def await_frame(self, kind: str, identifier: str | None = None) -> Frame:
        while (found := self._found(kind, identifier)) is None:
            self.read()
        return found

    def hang_up(self) -> None:
        self._socket.close()

    def close(self) -> None:
        self._socket.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def fileno(self) -> int:
        """Readable when `read` would not wait."""
        return self._socket.fileno()

    def read(self) -> list[Frame]:
        """Wait for frames, and return them."""
        ready, _, _ = select.select([self._socket], [], [], DEADLINE)
        if not ready:
            raise TimeoutError(f"no frame within {DEADLINE} s; seen {self.seen}; {self.log()}")
        data = self._socket.recv(1 << 16)
        if not data:
            raise EOFError(f"the host is gone: {self.log()}")
        frames: list[Frame] = []
        for frame in self._reader.feed(data):
            if isinstance(frame, Broken):
                self.broken.append(frame.line)
            else:
                frames.append(frame)
        self.seen.extend(frames)
        return frames

    def log(self) -> str:
        return self.output.read_text(errors="replace")[-4000:]

    def _found(self, kind: str, identifier: str | None) -> Frame | None:
        return next(iter(self._of(identifier, kind)), None)

    def _of(self, identifier: str | None, kind: str) -> list[Frame]:
        return [
            f
            for f in self.seen
            if f["type"] == kind and (identifier is None or f.get("id") == identifier)
        ]
