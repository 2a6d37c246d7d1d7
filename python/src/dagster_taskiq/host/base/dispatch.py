"""Brings each order that needs the recorder or user code to the process that does it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

from dagster_taskiq.host.base.assignments import Assignment
from dagster_taskiq.host.base.hosting import Hosting
from dagster_taskiq.host.base.known_runs import KnownRuns
from dagster_taskiq.host.supervise.guard import EXPIRED
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.orders import Order, ProbeOrder, ReportOrder, RunOrder
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.steering import Kill, Renewal, Steering

if TYPE_CHECKING:
    import selectors
    from collections.abc import Iterable

    from dagster_taskiq.host.base.desk import OwnForks
    from dagster_taskiq.host.base.locations import Locations
    from dagster_taskiq.host.base.recorder_seat import RecorderSeat
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.admissions import Admission
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame


class Dispatch:
    """Owns the assignments, from the worker's order until its process has ended.

    An order goes to the recorder first if that records for steps, then to the location host of its
    run's code. Times are boot time.
    """

    def __init__(
        self,
        base: OwnForks,
        locations: Locations,
        selector: selectors.BaseSelector,
        recorder: RecorderSeat,
    ) -> None:
        self._base = base
        self._assigned: dict[str, Assignment] = {}
        self.hosting = Hosting(base, self, locations, selector)
        self.known_runs = KnownRuns(
            recorder, self._located, base.cancel, self._stood, base.follow_recorder
        )

    def __len__(self) -> int:
        return len(self._assigned)

    def get(self, order_id: str) -> Assignment | None:
        """Return the assignment of this order, if it has one."""
        return self._assigned.get(order_id)

    def assign(
        self,
        order: RunOrder | ReportOrder | ProbeOrder,
        run_id: str,
        until: float,
        *,
        needs_admission: bool,
    ) -> None:
        """Take an order.

        With `needs_admission` the recorder must let it run first. It carries out a report itself.
        """
        given = Assignment(order, run_id, until, boot_time(), needs_admission=needs_admission)
        self._assigned[order.id] = given
        if needs_admission:
            self.known_runs.ask_about(order)
        else:
            self._find_code(given)

    def steer(self, given: Assignment, steering: Steering) -> None:
        """Do to an assignment what the worker says, and pass it to its location host."""
        if isinstance(steering, Kill):
            given.kill()
            if given.link is None:
                self.end(given, None)
        elif isinstance(steering, Renewal):
            given.prolong(steering.until)
        if given.link is not None:
            self.hosting.links.post(given.link, steering.to_frame())

    # How an assignment ends

    def run_here(self, given: Assignment, order: Order) -> None:
        """Fork a process of the base itself for the order that is assigned no longer."""
        self._drop(given)
        self._base.fork_here(order, given.until, given.admission)

    def end(self, given: Assignment, outcome: Outcome | None, **how: object) -> None:
        """Report the end of an assignment that has no process."""
        self._drop(given)
        self._base.report_end(given.id, outcome, **how)

    def ended(self, given: Assignment, frame: Frame) -> None:
        """Note that the process of an assignment has ended in its location host."""
        del self._assigned[given.id]
        if frame.get("canceled") and given.order.step is not None:
            self.known_runs.free_slot_of(*given.order.step)
        fields = ("type", "id", "code", "signal", "killed")
        self._base.say({name: frame.get(name) for name in fields})

    def _drop(self, given: Assignment) -> None:
        self.hosting.give_up(given)
        del self._assigned[given.id]
        self.known_runs.forget(given.id)

    # What the recorder answers

    def _find_code(self, given: Assignment) -> None:
        if (code := self.known_runs.code_of(given.run_id)) is not None:
            self.hosting.place(given, code)

    def _stood(self, order_id: str, outcome: Outcome | None, admission: Admission | None) -> None:
        given = self._assigned.get(order_id)
        if given is None or given.link is not None:
            return
        if admission is None:
            self.end(given, outcome)
            return
        given.admit(admission)
        if given.order.needs_interpreter:
            self.run_here(given, given.order)
        else:
            self._find_code(given)

    def _located(self, run_id: str, code: RunCode | None, error: ErrorInfo | None) -> None:
        for given in [each for each in self._assigned.values() if each.awaits(run_id)]:
            if error is not None:
                self.end(given, fault("instance", error))
            elif code is None:
                # That process finds its run over, or reports what is wrong with it.
                self.run_here(given, given.order)
            else:
                self.hosting.place(given, code)

    def cancel(self, runs: Mapping[str, bool]) -> None:
        """End the attempts of these runs, here and in each location host."""
        for given in self._held():
            if given.run_id in runs:
                self._find_over(given)
        for link in self.hosting.links:
            if any(given.run_id in runs for given in link.assigned.values()):
                self.hosting.links.post(link, {"type": "cancel", "runs": runs})

    def _find_over(self, given: Assignment) -> None:
        """Ask for the outcome of an attempt whose run is over. That needs no code."""
        if not given.needs_admission:
            self.run_here(given, given.order)
        elif given.admission is not None:
            self.hosting.give_up(given)
            given.look_again()
            self.known_runs.ask_about(given.order)

    # The loop

    def wakes_at(self) -> float:
        """Return when there is something to do."""
        held = min((given.wakes_at() for given in self._assigned.values()), default=math.inf)
        return min(held, self.known_runs.wakes_at(), self.hosting.wakes_at())

    def end_what_waits_too_long(self, now: float, *, expire: bool) -> None:
        """End what no process has taken in time; terms are looked at only if `expire`."""
        for given in self._held():
            if expire and now >= given.until:
                self.end(given, None, killed=EXPIRED)
            elif now >= given.patient_until:
                self.end(given, given.waited_in_vain())

    def look_at_runs(self, here: Iterable[str]) -> None:
        """Watch the runs of all assignments, and those of the base's own processes."""
        assigned = (given.run_id for given in self._assigned.values())
        self.known_runs.look_at(chain(here, assigned))

    def _held(self) -> list[Assignment]:
        """Return the assignments that no location host has."""
        return [given for given in self._assigned.values() if given.link is None]
