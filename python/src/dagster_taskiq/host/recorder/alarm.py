"""Ends a recorder that waits for a database which answers nothing at all."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from dagster_taskiq.host.recorder.store import Part, Store

T = TypeVar("T")

# Longer than a server's own timeouts, which only end a statement.
HUNG_SECONDS = 60


def arm_alarm() -> None:
    """Have SIGALRM end the process wherever it hangs, which no Python handler could."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


class Alarmed:
    """A store each of whose calls ends in time, or with the process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, parts: Sequence[Part]) -> None:
        """See `Store`."""
        with _alarm():
            self._store.write(parts)

    def read(self, work: Callable[[], T]) -> T:
        """See `Store`."""
        with _alarm():
            return self._store.read(work)

    def together(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """See `Store`."""
        return self._store.together(parts)

    def let_go(self, live: Collection[str]) -> None:
        """See `Store`."""
        self._store.let_go(live)


@contextmanager
def _alarm() -> Iterator[None]:
    signal.alarm(HUNG_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
