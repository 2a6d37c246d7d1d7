"""Ends a step process no later than its host, where the kernel does not (on Linux it does)."""

from __future__ import annotations

import contextlib
import os
import signal
import threading


class Lifeline:
    """A pipe whose write end only the host holds: its end of file is the host's end."""

    def __init__(self) -> None:
        self.read_end, write_end = os.pipe()
        self._write_end: int | None = write_end

    @classmethod
    def inherited(cls, read_end: int) -> Lifeline:
        """Hold the host's pipe in an interpreter that has replaced a fork of the host."""
        lifeline = cls.__new__(cls)
        lifeline.read_end, lifeline._write_end = read_end, None
        os.set_inheritable(read_end, False)
        return lifeline

    def drop(self) -> None:
        """In the child: close it."""
        os.close(self.read_end)
        self._close_write_end()

    def watch(self) -> None:
        """In the child: kill the process's whole group once the host is gone."""
        self._close_write_end()
        threading.Thread(target=self._kill_at_end, name="taskiq-lifeline", daemon=True).start()

    def _close_write_end(self) -> None:
        if self._write_end is not None:
            os.close(self._write_end)

    def _kill_at_end(self) -> None:
        # User code may have closed the descriptor. Then the host's end is not seen.
        with contextlib.suppress(OSError):
            os.read(self.read_end, 1)
            os.killpg(0, signal.SIGKILL)
