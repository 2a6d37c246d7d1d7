"""What the parts of the base ask of it, and of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_taskiq.host.base.assignments import Assignment
    from dagster_taskiq.host.base.links import Link
    from dagster_taskiq.host.base.locations import Location
    from dagster_taskiq.host.supervise.fork import Forked
    from dagster_taskiq.host.wire.admissions import Admission
    from dagster_taskiq.host.wire.frames import Frame
    from dagster_taskiq.host.wire.orders import Order
    from dagster_taskiq.host.wire.outcomes import Outcome


class Desk(Protocol):
    """What the base does for `Hosting`."""

    def fork_location_host(self, location: Location) -> Forked:
        """Fork one. Raises OSError when there is no room."""

    def connect_recorder(self, link: Link) -> None:
        """Connect the location host with the recorder that lives now, unless it is."""

    def say(self, frame: Frame) -> None:
        """Send a frame to the worker."""

    def relay(self, frame: Frame) -> None:
        """Check a location host's frame, and send it to the worker."""


class Assignments(Protocol):
    """What becomes of an assignment that no location host has, or has any longer."""

    def run_here(self, given: Assignment, order: Order) -> None:
        """Fork a process of the base itself for the order that is assigned no longer."""

    def end(self, given: Assignment, outcome: Outcome | None, **how: object) -> None:
        """Report the end of an assignment that has no process."""

    def ended(self, given: Assignment, frame: Frame) -> None:
        """Note that the process of an assignment has ended in its location host."""


class OwnForks(Desk, Protocol):
    """What the base does for `Dispatch`."""

    def fork_here(self, order: Order, until: float, admission: Admission | None) -> None:
        """Fork a process of the base itself, which may live until `until`."""

    def report_end(self, order_id: str, outcome: Outcome | None, **how: object) -> None:
        """Report the end of an order that has no process."""

    def cancel(self, runs: Mapping[str, bool]) -> None:
        """Cancel what belongs to these runs, true for those that were canceled."""

    def follow_recorder(self) -> None:
        """Connect with a recorder that has just started."""
