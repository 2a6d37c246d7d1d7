"""Captures a step's output into Dagster's compute-log files without helper processes.

Dagster mirrors each stream with `tail` and a watcher process, four per step. The worker follows the
files itself, so the redirect is enough. Cloud log managers wrap the local one and come along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dagster_taskiq.dagster_internals.host import ensure_file, redirect_to_file
from dagster_taskiq.dagster_internals.patches import mirror_output_by

Send = Callable[[str, str], None]


def capture_into_files(send: Send) -> None:
    """Replace the mirror in this process; `send` gets both paths as the capture begins."""
    begun: list[str] = []

    @contextmanager
    def redirect(stream: Any, path: str) -> Iterator[tuple[None, None]]:
        ensure_file(path)
        with redirect_to_file(stream, path):
            # The local manager enters stdout first, then stderr.
            begun.append(path)
            if len(begun) == 2:
                send(begun[0], begun[1])
                begun.clear()
            yield None, None

    mirror_output_by(redirect)
