"""One end of a socket that carries frames, worker to host or host to step process."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
from array import array
from collections import deque
from collections.abc import Iterator

from dagster_taskiq.host.wire.frames import LONGEST_LINE, Broken, Frame, FrameReader, encode

_CHUNK = 256 * 1024
# The reader never catches up with a process that writes without a pause, so it stops here.
# A socket's buffer holds less than this.
_MOST_DRAINED = 1024 * 1024
# A frame carries one descriptor at most; what one call receives is of few frames.
_MOST_DESCRIPTORS = 64
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Channel:
    """Sends and receives frames; only `send`, `finish` and `receive` block.

    A frame may carry a descriptor. The receiver takes it when it comes to that frame.
    """

    def __init__(
        self, sock: socket.socket, *, longest: int = LONGEST_LINE, chunk: int = _CHUNK
    ) -> None:
        sock.setblocking(True)
        sock.set_inheritable(False)
        self._sock = sock
        self._chunk = chunk
        self._reader = FrameReader(longest)
        self._unsent = bytearray()
        self._passed: deque[tuple[int, int]] = deque()
        """Descriptors to be sent, each with the place of its frame in what is unsent."""
        self._received: deque[int] | None = None
        self._identity = _identity(sock.fileno())

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._sock.fileno()

    def send(self, frame: Frame) -> None:
        """Send one frame whole. Raises OSError when the other end is gone."""
        self.send_line(encode(frame))

    def send_line(self, line: bytes) -> None:
        """Send a frame that is encoded already. Raises OSError as above."""
        self._require_own()
        self._sock.sendall(line)

    def post(self, frame: Frame, descriptor: int | None = None) -> None:
        """Send one frame without waiting. What the other end has no room for is kept for `flush`.

        The descriptor goes along, and is closed here once it is sent.
        Raises OSError as above, and ValueError or RecursionError for what cannot be encoded.
        """
        self._require_own()
        line = encode(frame)
        if descriptor is not None:
            self._passed.append((len(self._unsent), descriptor))
        self._unsent += line
        self.flush()

    def flush(self) -> None:
        """Send what `post` has kept, as far as there is room. Raises OSError as above."""
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                self._send_some(socket.MSG_DONTWAIT)

    def finish(self) -> None:
        """Send what `post` has kept, all of it. Raises OSError as above."""
        while self._unsent:
            self._send_some(0)

    def expect_descriptors(self) -> None:
        """Keep what frames carry from now on. User code at the other end could fill the process."""
        self._received = deque()

    def take_descriptor(self) -> int:
        """Return the descriptor that came with the frame. Raises IndexError: there came none.

        Frames that carry one must be handled in the order in which they came.
        """
        return (self._received or deque()).popleft()

    @property
    def unsent(self) -> bool:
        """Whether `post` has kept something."""
        return bool(self._unsent)

    def receive(self) -> list[Frame | Broken]:
        """Wait for bytes and return the frames they complete. Raises EOFError at the end."""
        self._require_own()
        return self._fed(self._received_now(0))

    def receive_now(self) -> list[Frame | Broken]:
        """Return the frames that have arrived, without waiting. Raises EOFError at the end."""
        self._require_own()
        try:
            return self._fed(self._received_now(socket.MSG_DONTWAIT))
        except BlockingIOError:
            return []

    def drain(self) -> Iterator[Frame | Broken]:
        """Yield what has arrived so far, without waiting."""
        for _ in range(_MOST_DRAINED // self._chunk):
            try:
                yield from self._fed(self._received_now(socket.MSG_DONTWAIT))
            except (BlockingIOError, EOFError, ConnectionResetError):
                return

    def close(self) -> None:
        """Close this end, and what it has yet to pass on or to hand out; safe to call twice."""
        self._sock.close()
        kept = [descriptor for _, descriptor in self._passed]
        for descriptor in [*kept, *(self._received or ())]:
            os.close(descriptor)
        self._passed.clear()
        self._received = None

    def _send_some(self, flags: int) -> None:
        if not self._passed:
            sent = self._sock.send(self._unsent, flags)
        elif (place := self._passed[0][0]) > 0:
            sent = self._sock.send(self._unsent[:place], flags)
        else:
            # It goes with the first byte, though only a part of the rest finds room.
            _, descriptor = self._passed[0]
            # Not by `socket.send_fds`, which ignores its flags.
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))
            sent = self._sock.sendmsg([self._unsent], [rights], flags)
            self._passed.popleft()
            os.close(descriptor)
        del self._unsent[:sent]
        self._passed = deque((place - sent, each) for place, each in self._passed)

    def _received_now(self, flags: int) -> bytes:
        if self._received is None:
            return self._sock.recv(self._chunk, flags)
        data, descriptors, _, _ = socket.recv_fds(
            self._sock, self._chunk, _MOST_DESCRIPTORS, flags | _CLOEXEC
        )
        self._received.extend(descriptors)
        return data

    def _fed(self, data: bytes) -> list[Frame | Broken]:
        if not data:
            raise EOFError
        return list(self._reader.feed(data))

    def _require_own(self) -> None:
        # User code may have closed every descriptor and opened a file of its own under our number.
        if _identity(self._sock.fileno()) != self._identity:
            raise OSError(errno.EBADF, "the descriptor was closed by other code")


def flush_watched(channel: Channel, selector: selectors.BaseSelector) -> None:
    """Send what is left as far as there is room, and have the selector say when there is more.

    The channel may be dying, or not watched any more: its owner finds out by reading.
    """
    with contextlib.suppress(OSError, KeyError):
        channel.flush()
        more = selectors.EVENT_WRITE if channel.unsent else 0
        selector.modify(channel, selectors.EVENT_READ | more, selector.get_key(channel).data)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
