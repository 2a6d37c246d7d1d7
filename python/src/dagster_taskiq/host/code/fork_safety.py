"""Finds out, after code was imported, whether forks of this process can run its steps.

A fork has one thread. The work of other threads stays undone, and their locks stay locked. A fork
shares connections and event queues with its siblings, so an answer to one reaches another. Locks of
an SQLite database are the parent's alone, and the fork believes that it holds them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import warnings
from pathlib import Path

from dagster_taskiq.host.code.live_objects import objects_of

_DESCRIPTORS = Path("/proc/self/fd")
_TASKS = Path("/proc/self/task")

# Threads that a fork can do without: jemalloc starts its own again, Polars' removes spilled files.
_DISPENSABLE = ("jemalloc_bg_thd", "polars-ooc-clea")
# A fork that takes longer hangs: code that is registered to run in it waits for a thread.
_TRIAL_SECONDS = 5.0
# A thread that was joined may be listed for a moment.
_GOING_SECONDS = 0.2

_SHARED = {
    "anon_inode:[eventpoll]": "an event loop (epoll)",
    "anon_inode:[io_uring]": "an event loop (io_uring)",
}
_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")
# How each SQLite database begins. In an empty one no connection has read or locked anything.
_SQLITE = b"SQLite format 3\0"


class ForkSafety:
    """Made before the import; afterwards `reasons` says what speaks against forks."""

    def __init__(self) -> None:
        self._before = _descriptors()

    def reasons(self) -> list[str]:
        """Return what the code left behind that a fork would break; nothing if forks are safe."""
        found = [*_threads(), *self._left_open(), *_open_loops()]
        return list(dict.fromkeys(found))

    def _left_open(self) -> list[str]:
        new = _descriptors().items() - self._before.items()
        return [said for descriptor, link in sorted(new) if (said := _describe(descriptor, link))]


def _threads() -> list[str]:
    if not _others() and not _native():
        return []
    again = _trial_fork()
    if again is None:
        return ["code that hangs in a fork (os.register_at_fork)"]
    threads = [f"thread {thread.name}" for thread in _others() if thread.name not in again]
    native = _native()
    give_up_at = time.monotonic() + _GOING_SECONDS
    while native and time.monotonic() < give_up_at:
        time.sleep(0.01)
        native = _native()
    return threads + [f"native thread {name}" for name in native]


def _others() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each is not threading.main_thread()]


def _native() -> list[str]:
    """Return the names of the threads that Python does not know."""
    # In a fork Python keeps the number that the main thread had in the parent.
    known = {os.getpid(), *(thread.native_id for thread in threading.enumerate())}
    names = []
    for task in _entries(_TASKS):
        if int(task.name) not in known:
            with contextlib.suppress(OSError):  # it has ended
                names.append((task / "comm").read_text().strip())
    return sorted({name for name in names if name not in _DISPENSABLE})


def _trial_fork() -> set[str] | None:
    """Fork once; return the names of the threads that are there again. None if the fork hangs.

    Libraries that are made for forks stop their threads before one, as OpenBLAS does, or start
    them again in it, as OpenTelemetry does.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: see above
        pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.write(writer, "\n".join(thread.name for thread in _others()).encode()[:4096])
        os._exit(0)
    os.close(writer)
    try:
        return set(_read_within(reader, _TRIAL_SECONDS).decode(errors="replace").split("\n"))
    except TimeoutError:
        return None
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _read_within(descriptor: int, seconds: float) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    if not ready:
        raise TimeoutError
    return os.read(descriptor, 4096)


def _descriptors() -> dict[int, str]:
    links = {}
    for entry in _entries(_DESCRIPTORS):
        with contextlib.suppress(OSError):  # the one of this very listing
            links[int(entry.name)] = str(entry.readlink())
    return links


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:  # no Linux
        return []


def _describe(descriptor: int, link: str) -> str | None:
    if link.startswith("socket:"):
        return _connection(descriptor)
    if link.startswith(_DEVICES):
        return f"a GPU ({link})"
    if link.startswith("/"):
        return _sqlite_database(descriptor, link)
    return _SHARED.get(link)


def _sqlite_database(descriptor: int, link: str) -> str | None:
    """Describe a database that is open, by whichever library. SQLite forbids its use in a fork.

    It is read by the descriptor that is there: to close another one would drop SQLite's locks.
    """
    with contextlib.suppress(OSError):  # a directory, a pipe, or open for writing only
        if os.pread(descriptor, len(_SQLITE), 0) == _SQLITE:
            return f"a SQLite database ({Path(link).name})"
    return None


def _connection(descriptor: int) -> str | None:
    """Describe a connection to another process; datagrams and pairs of one's own are none."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as sock:
        if sock.type == socket.SOCK_DGRAM:
            return None
        peer = sock.getpeername()
        if sock.family != socket.AF_UNIX:
            return f"a connection to {peer[0]} port {peer[1]}"
        if _peer_pid(sock) != os.getpid():
            name = os.fsdecode(peer) or "another process"
            return f"a connection to {name}"
    return None


def _peer_pid(sock: socket.socket) -> int | None:
    if sys.platform != "linux":
        return None
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", data)[0])


def _open_loops() -> list[str]:
    asyncio = sys.modules.get("asyncio")
    loops = [] if asyncio is None else objects_of(asyncio.BaseEventLoop)
    return ["an asyncio event loop"] if any(not loop.is_closed() for loop in loops) else []
