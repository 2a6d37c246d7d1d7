"""Keeps a location host for each code location in use, and gives each order to the right one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from dagster_taskiq.host.base.assignments import Order
from dagster_taskiq.host.base.links import Link, Links
from dagster_taskiq.host.base.locations import Is, Location, Locations
from dagster_taskiq.host.supervise.child_exits import how_it_ended
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_from, error_info, warn
from dagster_taskiq.host.wire.outcomes import CODE_LACKS_STEP, Outcome, fault
from dagster_taskiq.host.wire.terms import passed_on

if TYPE_CHECKING:
    import selectors

    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.supervise.fork import Forked
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame

# The worker waits a little longer for the base's own end.
_END_SECONDS = 3.0

# What a location host may say of an order, and the base passes on as it is.
_PASSED_ON = ("started", "capture", "ask", "outcome")


class Base(Protocol):
    """What the base does for it."""

    def fork_location_host(self, location: Location) -> Forked:
        """Fork one. Raises OSError when there is no room."""

    def say(self, frame: Frame) -> None:
        """Send a frame to the worker."""

    def relay(self, frame: Frame) -> None:
        """Send a location host's frame to the worker, if it is as it should be."""

    def run_here(self, order: Order, **told: object) -> None:
        """Fork the order's process from the base, and tell it what its frame does not."""

    def end(self, order: Order, told: Outcome | None, **how: object) -> None:
        """Tell the end of an order that has no process."""

    def ended(self, order: Order, frame: Frame) -> None:
        """Take in that an order's process has ended in its location host."""


class Hosting:
    """Owns the links to location hosts; everything else is the base's."""

    def __init__(self, base: Base, locations: Locations, selector: selectors.BaseSelector) -> None:
        self._base = base
        self.locations = locations
        self.links = Links(selector, self._hear)
        self._told: dict[Location, Frame] = {}
        self._is_open = False
        self._ends_at: float | None = None

    # Orders

    def place(self, order: Order, code: RunCode) -> None:
        """Give the order to the host of its run's code, or keep it until there is one."""
        order.code = code
        now = boot_time()
        location = self.locations.find(code, now)
        if location is None:
            self._base.run_here(order)  # which imports its code for itself
            return
        if location.must_import(now):
            self._start(location, now)
        if location.state is Is.BROKEN:
            self._refuse(order, location.error)
        elif location.state is Is.READY and location.link is not None:
            self._pass_on(order, code, location.link)
        else:
            location.waiting.append(order)

    def give_up(self, order: Order) -> None:
        """The order has waited long enough for its code, or is not wanted any more."""
        for location in self.locations:
            if order in location.waiting:
                location.waiting.remove(order)

    def _pass_on(self, order: Order, code: RunCode, link: Link) -> None:
        order.link = link
        link.orders[order.id] = order
        self.links.post(link, passed_on({**order.frame, "code": code.to_frame()}, order.until))

    def _refuse(self, order: Order, error: ErrorInfo | None) -> None:
        error = error or error_info("LocationHostLost", "its code location has no process")
        if order.frame["type"] == "run":
            self._base.run_here(order, broken=error)  # which says so in the run's own log
        else:
            self._base.end(order, fault("location", error))

    def _place_again(self, order: Order) -> None:
        order.link = None
        if order.killed or order.code is None:
            self._base.end(order, None)
        else:
            self.place(order, order.code)

    # Locations

    def import_what_is_due(self, now: float) -> None:
        """Import the locations of the flags that are not, and let go of what no run uses."""
        for location in self.locations.of_flags:
            if location.must_import(now):
                self._start(location, now)
        self.locations.end_idle(now)

    def wakes_at(self) -> float:
        """Return when there is something to import again."""
        due = [each.retries_at for each in self.locations.of_flags if each.state is Is.BROKEN]
        return min(due, default=math.inf)

    def tell_changes(self) -> None:
        """From now on tell the worker what becomes of each location: `ready` is sent."""
        self._is_open = True
        for location in self.locations.of_flags:
            self._told[location] = location.told

    def have_ended(self, now: float) -> bool:
        """Have every location host end, as Python ends; tell whether none is left to wait for."""
        if self._ends_at is None:
            self._ends_at = now + _END_SECONDS
            for link in self.links:
                self._send_home(link)
        return not list(self.links) or now >= self._ends_at

    def _send_home(self, link: Link) -> None:
        link.is_leaving = True
        if link.location.link is link:
            link.location.leave(None)
        self.links.post(link, {"type": "stop"})

    def _start(self, location: Location, now: float) -> None:
        try:
            process = self._base.fork_location_host(location)
        except OSError as error:
            location.fail(error_from(error), now)
            return
        process.what = f"the import of code location {location.code.name}"
        link = Link(location, process, now)
        location.begin(link)
        self.links.add(link)

    def _settle(self, location: Location) -> None:
        """Tell the worker, and serve what has waited for the import."""
        changed = location.changed if location.state is Is.READY else None
        known = self._told.get(location) == location.told
        if self._is_open and (changed is not None or not known):
            self._told[location] = location.told
            self._base.say({"type": "location", **location.told, "changed": changed})
        if location.state is Is.READY:
            location.changed = None
        waiting, location.waiting = location.waiting, []
        for order in waiting:
            if location.state is Is.BROKEN:
                self._refuse(order, location.error)
            else:
                self._place_again(order)

    # What location hosts say

    def _hear(self, link: Link, frame: Frame) -> None:
        """Take in one frame. Raises OSError when the worker is gone."""
        if frame["type"] == "imported" and not link.is_ready:
            link.location.counts = frame["counts"]
            self._imported(link, frame["error"], frame["unforkable"])
            return
        order = link.orders.get(frame.get("id", ""))
        if order is None:
            return
        if frame["type"] == "stale":
            self._stale(link, order, frame["path"])
        elif frame["type"] == "unforkable":
            del link.orders[order.id]
            self._base.run_here(order, spawn=True)
        elif frame["type"] == "outcome" and self._should_import_again(link, order, frame):
            order.lacks_code = True
        elif frame["type"] == "exited" and order.lacks_code:
            order.lacks_code = False
            order.passed.clear()
            self._stale(link, order, None)
        elif frame["type"] == "exited":
            del link.orders[order.id]
            self._base.ended(order, frame)
        elif frame["type"] in _PASSED_ON and frame["type"] not in order.passed:
            # User code that was imported there may have sent it.
            order.started = True
            order.passed.add(frame["type"])
            self._base.relay(frame)

    def _imported(self, link: Link, error: ErrorInfo | None, unforkable: list[str]) -> None:
        now = boot_time()
        location = link.location
        link.imported(now)
        if location.link is not link:
            return
        if error is None:
            location.succeed(unforkable)
        else:
            location.fail(error, now)
        self._settle(location)

    def _should_import_again(self, link: Link, order: Order, frame: Frame) -> bool:
        outcome = frame["outcome"]
        error = outcome.get("error") if isinstance(outcome, dict) else None
        if not isinstance(error, dict) or error.get("class") != CODE_LACKS_STEP or order.killed:
            return False
        if not link.is_leaving:
            if not link.location.lacks_step_of(order.run_id, boot_time()):
                return False
            warn(
                f"code location {link.location.code.name} is imported again: {error.get('message')}"
            )
        return True

    def _stale(self, link: Link, order: Order, path: str | None) -> None:
        del link.orders[order.id]
        if not link.is_leaving:
            link.is_leaving = True
            link.location.leave(path)
            self.links.post(link, {"type": "stop"})
        self._place_again(order)

    def lose(self, link: Link) -> None:
        """A location host has ended, and all that was below it."""
        self.links.remove(link)
        location = link.location
        how = how_it_ended(link.process.status or 0)
        error = error_info("LocationHostLost", link.lost_by(how))
        if location.link is link:
            location.fail(error, boot_time())
            self._settle(location)
        for order in list(link.orders.values()):
            if order.started:
                told = None if order.told else fault("step", error)
                self._base.end(order, told, signal="SIGKILL")
            elif order.restarts > 0:
                self._refuse(order, error)
            else:
                order.restarts += 1
                self._place_again(order)
