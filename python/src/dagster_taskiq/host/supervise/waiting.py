"""Processes that have run a step and wait for another one of their run. Pure; time is an argument.

They belong to no order, because the worker knows each step as ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.guard import Guard, Rest
from dagster_taskiq.host.wire.limits import Limits

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.fork import Forked

# A run may have nothing to do for a while. A process that waits keeps its memory.
IDLE_SECONDS = 30.0


@dataclass(frozen=True)
class Kind:
    """What a process can be used for: steps of this run with the same limits of the kernel."""

    run_id: str
    memory: int | None
    processes: int | None


@dataclass(frozen=True, eq=False)
class Waiting:
    """A process that waits, from the end of its step."""

    kind: Kind
    guard: Guard
    rest: Rest
    limits: Limits
    """Of its last step."""
    since: float


class WaitingProcesses:
    """Keeps no more processes than steps have run at once."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._most_running = 0

    def __iter__(self) -> Iterator[Waiting]:
        """Iterate over them. The one that has waited longest comes first."""
        return iter(list(self._waiting))

    def add(self, process: Forked, kind: Kind, rest: Rest, limits: Limits, now: float) -> Waiting:
        """Keep a process whose step is over."""
        waiting = Waiting(kind, Guard(process, Limits(), now), rest, limits, now)
        self._waiting.append(waiting)
        return waiting

    def find(self, kind: Kind) -> Waiting | None:
        """Return a process for a further step of its kind, the one that has waited least."""
        return next((each for each in reversed(self._waiting) if each.kind == kind), None)

    def remove(self, waiting: Waiting) -> None:
        """Keep it no longer."""
        self._waiting.remove(waiting)

    def of_runs(self, runs: Collection[str]) -> list[Waiting]:
        """Return the processes of these runs."""
        return [each for each in self._waiting if each.kind.run_id in runs]

    def superfluous(self, running: int, now: float) -> list[Waiting]:
        """Return those that have waited too long, or are too many while so many steps run."""
        self._most_running = max(self._most_running, running)
        too_many = len(self._waiting) + running - self._most_running
        return [
            waiting
            for number, waiting in enumerate(self._waiting)
            if number < too_many or now >= waiting.since + IDLE_SECONDS
        ]
