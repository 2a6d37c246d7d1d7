"""A storage that the recorder does not write to. It is read as Dagster reads it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from dagster_taskiq.host.recorder.store import Part

T = TypeVar("T")


class Unkept:
    """See `Store`."""

    def write(self, parts: Sequence[Part]) -> None:
        """See `Store`. No step sends its events here."""
        raise NotImplementedError("steps write to this storage themselves")

    def read(self, work: Callable[[], T]) -> T:
        """See `Store`."""
        return work()

    def together(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """See `Store`."""
        return [parts] if parts else []

    def let_go(self, live: Collection[str]) -> None:
        """See `Store`."""
