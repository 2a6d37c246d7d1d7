"""The life of a process that a location host forks: it is born with plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.record.planned import Plan
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.orders import Order


class LiveWithPlans(Protocol):
    """Does the ordered work in the fork; see `step_process.live`."""

    def __call__(
        self,
        order: Order,
        instance: DagsterInstance,
        channel: Channel,
        host_pid: int,
        lifeline: Lifeline,
        arrange: Callable[[], None],
        plans: Mapping[str, Plan] = ...,
    ) -> int:
        """Return the exit code."""
