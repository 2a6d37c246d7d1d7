"""Keeps a location host for each code location in use, and hands each order to the right one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_taskiq.host.base.assignments import Assignment
from dagster_taskiq.host.base.links import Link, Links
from dagster_taskiq.host.base.locations import Is, Location, Locations
from dagster_taskiq.host.location.handover import Handover
from dagster_taskiq.host.supervise.child_exits import how_it_ended
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_from, error_info, warn
from dagster_taskiq.host.wire.orders import RunOrder
from dagster_taskiq.host.wire.outcomes import CODE_LACKS_STEP, fault

if TYPE_CHECKING:
    import selectors

    from dagster_taskiq.host.base.desk import Assignments, Desk
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame

# The worker waits a little longer for the base's own end.
_END_SECONDS = 3.0

# Frames of a location host about its processes, which the base relays to the worker.
_RELAYED = ("started", "capture", "ask", "outcome")


class Hosting:
    """Owns the links to location hosts; everything else is the base's."""

    def __init__(
        self,
        base: Desk,
        assignments: Assignments,
        locations: Locations,
        selector: selectors.BaseSelector,
    ) -> None:
        self._base = base
        self._assignments = assignments
        self.locations = locations
        self.links = Links(selector, self._handle)
        self._sent: dict[Location, Frame] = {}
        self._is_open = False
        self._ends_at: float | None = None

    # Assignments

    def place(self, given: Assignment, code: RunCode) -> None:
        """Hand the order to the host of its run's code, or hold it until there is one."""
        given.find(code)
        now = boot_time()
        location = self.locations.find(code, now)
        if location is None:
            self._assignments.run_here(given, given.order)  # that process imports its code itself
            return
        if location.must_import(now):
            self._start(location, now)
        if location.state is Is.BROKEN:
            self._refuse(given, location.error)
        elif location.state is Is.READY and location.link is not None:
            given.hand_over(location.link)
            if given.admission is not None:
                self._base.connect_recorder(location.link)
                code = replace(code, plan=None)  # the admission says what its process would read
            handover = Handover(given.order, code, given.until, given.admission)
            self.links.post(location.link, handover.to_frame())
        else:
            location.hold(given)

    def give_up(self, given: Assignment) -> None:
        """Stop holding the order for its code."""
        for location in self.locations:
            location.give_up(given)

    def _refuse(self, given: Assignment, error: ErrorInfo | None) -> None:
        error = error or error_info("LocationHostLost", "its code location has no process")
        if isinstance(given.order, RunOrder):
            # That process reports the error in the run's own log.
            self._assignments.run_here(given, replace(given.order, broken=error))
        else:
            self._assignments.end(given, fault("location", error))

    def _place_again(self, given: Assignment) -> None:
        given.take_back()
        if given.killed or given.code is None:
            self._assignments.end(given, None)
        else:
            self.place(given, given.code)

    # Locations

    def import_what_is_due(self, now: float) -> None:
        """Import the flags' locations that are not imported, and end those that no run uses."""
        for location in self.locations.of_flags:
            if location.must_import(now):
                self._start(location, now)
        self.locations.end_idle(now)

    def wakes_at(self) -> float:
        """Return when there is something to import again."""
        due = [each.retries_at for each in self.locations.of_flags if each.state is Is.BROKEN]
        return min(due, default=math.inf)

    def report_changes(self) -> None:
        """Report each change of a location to the worker from now on, because `ready` is sent."""
        self._is_open = True
        for location in self.locations.of_flags:
            self._sent[location] = location.summary

    def have_ended(self, now: float) -> bool:
        """Have every location host end as Python ends; return whether none is left to wait for."""
        if self._ends_at is None:
            self._ends_at = now + _END_SECONDS
            for link in self.links:
                self._send_home(link)
        return not list(self.links) or now >= self._ends_at

    def _send_home(self, link: Link) -> None:
        link.leave()
        if link.location.link is link:
            link.location.leave(None)
        self.links.post(link, {"type": "stop"})

    def _start(self, location: Location, now: float) -> None:
        try:
            process = self._base.fork_location_host(location)
        except OSError as error:
            location.fail(error_from(error), now)
            return
        link = Link(location, process, now)
        location.begin(link)
        self.links.add(link)

    def _settle(self, location: Location) -> None:
        """Report the location's state to the worker, and serve what has waited for the import."""
        changed = location.take_change()
        known = self._sent.get(location) == location.summary
        if self._is_open and (changed is not None or not known):
            self._sent[location] = location.summary
            self._base.say({"type": "location", **location.summary, "changed": changed})
        for given in location.take_waiting():
            if location.state is Is.BROKEN:
                self._refuse(given, location.error)
            else:
                self._place_again(given)

    # Frames of location hosts

    def _handle(self, link: Link, frame: Frame) -> None:
        """Handle one frame. Raises OSError when the worker is gone."""
        if frame["type"] == "imported" and not link.is_ready:
            link.location.count(frame["counts"])
            self._imported(link, frame["error"], frame["unforkable"])
            return
        if frame["type"] == "left_behind":
            self._leave_behind(link, frame["unforkable"])
            return
        given = link.assigned.get(frame.get("id", ""))
        if given is None:
            return
        if frame["type"] == "stale":
            self._stale(link, given, frame["path"])
        elif frame["type"] == "unforkable" and isinstance(given.order, RunOrder):
            del link.assigned[given.id]
            self._assignments.run_here(given, replace(given.order, unforkable=True))
        elif frame["type"] == "outcome" and self._should_import_again(link, given, frame):
            given.lack_code()
        elif frame["type"] == "exited" and given.lacks_code:
            given.start_again()
            self._stale(link, given, None)
        elif frame["type"] == "exited":
            del link.assigned[given.id]
            self._assignments.ended(given, frame)
        elif frame["type"] in _RELAYED and given.relays(frame["type"]):
            # User code that was imported there can send frames again and again.
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

    def _leave_behind(self, link: Link, unforkable: list[str]) -> None:
        if link.location.link is link and link.is_ready:
            link.location.leave_behind(unforkable)
            self._settle(link.location)

    def _should_import_again(self, link: Link, given: Assignment, frame: Frame) -> bool:
        outcome = frame["outcome"]
        error = outcome.get("error") if isinstance(outcome, dict) else None
        if not isinstance(error, dict) or error.get("class") != CODE_LACKS_STEP or given.killed:
            return False
        if not link.is_leaving:
            if not link.location.lacks_step_of(given.run_id, boot_time()):
                return False
            warn(
                f"code location {link.location.code.name} is imported again: {error.get('message')}"
            )
        return True

    def _stale(self, link: Link, given: Assignment, path: str | None) -> None:
        del link.assigned[given.id]
        if not link.is_leaving:
            link.leave()
            link.location.leave(path)
            self.links.post(link, {"type": "stop"})
        self._place_again(given)

    def lose(self, link: Link) -> None:
        """Handle the end of a location host, and of all that was below it."""
        self.links.remove(link)
        location = link.location
        how = how_it_ended(link.process.status or 0)
        error = error_info("LocationHostLost", link.lost_by(how))
        if location.link is link:
            location.fail(error, boot_time())
            self._settle(location)
        for given in list(link.assigned.values()):
            if given.started:
                outcome = None if given.has_outcome else fault("step", error)
                self._assignments.end(given, outcome, signal="SIGKILL")
            elif given.restarts > 0:
                self._refuse(given, error)
            else:
                given.restart()
                self._place_again(given)
