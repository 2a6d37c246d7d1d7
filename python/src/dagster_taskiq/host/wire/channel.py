"""One end of a socket that carries frames, worker to host or host to step process."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator

from dagster_taskiq.host.wire.frames import LONGEST_LINE, Broken, Frame, FrameReader, encode

_CHUNK = 256 * 1024
# The reader never catches up with a process that writes without a pause, so it stops here.
# A socket's buffer holds less than this.
_MOST_DRAINED = 1024 * 1024


class Channel:
    """Sends and receives frames; only `send`, `finish` and `receive` block."""

    def __init__(
        self, sock: socket.socket, *, longest: int = LONGEST_LINE, chunk: int = _CHUNK
    ) -> None:
        sock.setblocking(True)
        sock.set_inheritable(False)
        self._sock = sock
        self._chunk = chunk
        self._reader = FrameReader(longest)
        self._unsent = bytearray()
        self._identity = _identity(sock.fileno())

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._sock.fileno()

    def send(self, frame: Frame) -> None:
        """Send one frame whole. Raises OSError when the other end is gone."""
        self._require_own()
        self._sock.sendall(encode(frame))

    def post(self, frame: Frame) -> None:
        """Send one frame without waiting. What the other end has no room for is kept for `flush`.

        Raises OSError as above, and ValueError or RecursionError for what cannot be encoded.
        """
        self._require_own()
        self._unsent += encode(frame)
        self.flush()

    def flush(self) -> None:
        """Send what `post` has kept, as far as there is room. Raises OSError as above."""
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent, socket.MSG_DONTWAIT)]

    def finish(self) -> None:
        """Send what `post` has kept, all of it. Raises OSError as above."""
        self._sock.sendall(self._unsent)
        self._unsent.clear()

    @property
    def unsent(self) -> bool:
        """Whether `post` has kept something."""
        return bool(self._unsent)

    def receive(self) -> list[Frame | Broken]:
        """Wait for bytes and return the frames they complete. Raises EOFError at the end."""
        self._require_own()
        return self._fed(self._sock.recv(self._chunk))

    def receive_now(self) -> list[Frame | Broken]:
        """Return the frames that have arrived, without waiting. Raises EOFError at the end."""
        self._require_own()
        try:
            return self._fed(self._sock.recv(self._chunk, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return []

    def drain(self) -> Iterator[Frame | Broken]:
        """Yield what has arrived so far, without waiting."""
        for _ in range(_MOST_DRAINED // self._chunk):
            try:
                yield from self._fed(self._sock.recv(self._chunk, socket.MSG_DONTWAIT))
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
