"""What code leaves in the location host, whose forks run its steps: at import, and later."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster_taskiq.host.child.exit_hooks import spare_what_was_made
from dagster_taskiq.host.code.fork_safety import ForkSafety
from dagster_taskiq.host.code.generators import Generators
from dagster_taskiq.host.code.import_watch import ImportWatch
from dagster_taskiq.host.code.live_objects import objects_of


class LeftBehind:
    """Filled by `importing` and `building`; each fork that runs a step calls `arrange` first."""

    def __init__(self) -> None:
        self.watch = ImportWatch()
        self.unforkable: list[str] = []
        """What a fork would break, in words for an operator; empty if forks can run the steps."""
        self._generators = Generators()
        self._opened: list[Any] = []

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Import code inside. Before objects are frozen (`gc.freeze`), which hides them."""
        with self.building():
            yield
        self._opened = objects_of(io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Build a job of the code inside, which may run code that its import has not run."""
        safety = ForkSafety()
        with self.watch.watching(), self._generators.noting():
            yield
        found = [*safety.reasons(), *self._generators.find_of_numpy()]
        self.unforkable = list(dict.fromkeys([*self.unforkable, *found]))

    def arrange(self) -> None:
        """In a fork: have it draw numbers of its own, and leave the host's files to the host."""
        self._generators.seed_again()
        spare_what_was_made(self.watch.made, self._opened)

    def arrange_turn(self) -> None:
        """In a fork that has run a step: have the next one draw numbers of its own."""
        self._generators.seed_again(shared=True)
