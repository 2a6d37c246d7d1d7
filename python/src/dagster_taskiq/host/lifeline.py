"""Ends a step process no later than its host, where the kernel does not (on Linux it does)."""

from __future__ import annotations

import contextlib
import os
import signal
import threading


class Lifeline:
    """A pipe whose write end only the host holds: its end of file is the host's end."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()

    def drop(self) -> None:
        """In the child: do without it."""
        os.close(self._read_end)
        os.close(self._write_end)

    def watch(self) -> None:
        """In the child: kill the process's whole group once the host is gone."""
        os.close(self._write_end)
        threading.Thread(target=self._kill_at_end, name="taskiq-lifeline", daemon=True).start()

    def _kill_at_end(self) -> None:
        # User code may close the descriptor: then nothing is known, and nothing is killed.
        with contextlib.suppress(OSError):
            os.read(self._read_end, 1)
            os.killpg(0, signal.SIGKILL)
