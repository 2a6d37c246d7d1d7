"""The life of a process that does work, as the supervisor that forks it calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.admissions import Recording
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import Order


@dataclass(frozen=True)
class Turns:
    """How many steps of its run a process may run, one after the other."""

    most: int = 1
    arrange: Callable[[], None] = lambda: None
    """Called before each step but the first."""


ONE_TURN = Turns()


class Live(Protocol):
    """Does the ordered work in the fork; see `step_process.live`."""

    def __call__(
        self,
        order: Order,
        instance: DagsterInstance,
        channel: Channel,
        host_pid: int,
        lifeline: Lifeline,
        arrange: Callable[[], None],
        *,
        recording: Recording | None = None,
        turns: Turns = ONE_TURN,
    ) -> int:
        """Return the exit code."""
