"""Notices the ends of child processes: a descriptor to select on, and the reaping."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator


class ChildExits:
    """Readable once a child has ended. Orphans that the host adopted count as children."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.watch()

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._reader.fileno()

    def watch(self) -> None:
        """Have SIGCHLD wake the descriptor; again after user code, which may have undone it."""
        # Python writes to the descriptor only for signals that have a handler of its own.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def reap(self, before: Callable[[int], None]) -> Iterator[tuple[int, int]]:
        """Yield pid and wait status of each ended child. `before` gets the pid before it is free.

        A zombie keeps its pid, and with it its group's, from reuse. That is the time to signal the
        group.
        """
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)
        with contextlib.suppress(ChildProcessError):
            while (death := _next_death(before)) is not None:
                yield death

    def close(self) -> None:
        """Let go of it in a forked process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()


def _next_death(before: Callable[[int], None]) -> tuple[int, int] | None:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13: the pid is free a moment too early
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid != 0:
            before(pid)
        return (pid, status) if pid != 0 else None
    death = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if death is None:
        return None
    before(death.si_pid)
    return os.waitpid(death.si_pid, 0)


def how_it_ended(status: int) -> dict[str, int | str | None]:
    """Turn a wait status into the fields of `exited`."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return {"code": code, "signal": None}
    return {"code": None, "signal": _signal_name(-code)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"SIG{number}"
