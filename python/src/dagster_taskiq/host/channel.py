"""One end of a socket that carries frames, worker to host or host to step process."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

from dagster_taskiq.host.frames import Broken, Frame, FrameReader, encode

_CHUNK = 256 * 1024


class Channel:
    """Sends and receives frames; blocking, except for `drain`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        sock.set_inheritable(False)
        self._sock = sock
        self._reader = FrameReader()
        self._identity = _identity(sock.fileno())

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._sock.fileno()

    def send(self, frame: Frame) -> None:
        """Send one frame whole. Raises OSError when the other end is gone."""
        self._require_own()
        self._sock.sendall(encode(frame))

    def receive(self) -> list[Frame | Broken]:
        """Wait for bytes and return the frames they complete. Raises EOFError at the end."""
        self._require_own()
        return self._fed(self._sock.recv(_CHUNK))

    def drain(self) -> Iterator[Frame | Broken]:
        """Yield what has arrived so far, without waiting."""
        while True:
            try:
                yield from self._fed(self._sock.recv(_CHUNK, socket.MSG_DONTWAIT))
            except (BlockingIOError, EOFError, ConnectionResetError):
                return

    def close(self) -> None:
        """Close this end; safe to call twice."""
        self._sock.close()

    def _fed(self, data: bytes) -> list[Frame | Broken]:
        if not data:
            raise EOFError
        return list(self._reader.feed(data))

    def _require_own(self) -> None:
        # User code may have closed every descriptor and opened a file of its own under our number.
        if _identity(self._sock.fileno()) != self._identity:
            raise OSError(errno.EBADF, "the descriptor was closed by someone else")


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
