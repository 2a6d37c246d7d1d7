"""Assignments: orders that need the recorder or a location host, held or handed over."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dagster_taskiq.host.wire.errors import error_info
from dagster_taskiq.host.wire.orders import ProbeOrder, ReportOrder, RunOrder
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.terms import prolonged

if TYPE_CHECKING:
    from dagster_taskiq.host.base.links import Link
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.admissions import Admission

# Every wait occupies one of the worker's slots, which other locations could use.
PATIENCE_SECONDS = 30.0


class Assignment:
    """One order, from the worker's frame to the frame `exited`. Times are boot time."""

    def __init__(
        self,
        order: RunOrder | ReportOrder | ProbeOrder,
        run_id: str,
        until: float,
        now: float,
        *,
        needs_admission: bool = False,
    ) -> None:
        self.id = order.id
        self.order = order
        self.run_id = run_id
        self.until = until
        """How long it may live."""
        self.patient_until = now + PATIENCE_SECONDS
        self.code: RunCode | None = None
        self.needs_admission = needs_admission
        self.admission: Admission | None = None
        """The recorder's leave to run."""
        self.link: Link | None = None
        """The location host that has it. `None` while it is held."""
        self.started = False
        self.killed = False
        """Whether the worker asked for its end."""
        self.lacks_code = False
        """Whether its location's code, as it was imported, lacks its step."""
        self.restarts = 0
        """How many location hosts ended before they started it."""
        self._relayed: set[str] = set()

    @property
    def has_outcome(self) -> bool:
        """Whether the worker knows its outcome."""
        return "outcome" in self._relayed

    def awaits(self, run_id: str) -> bool:
        """Return whether it waits for the recorder to find this run's code."""
        awaits_admission = self.needs_admission and self.admission is None
        return self.run_id == run_id and self.code is None and not awaits_admission

    def wakes_at(self) -> float:
        """Return when to look at it again. After the handover its location host does."""
        return min(self.until, self.patient_until) if self.link is None else math.inf

    def waited_in_vain(self) -> Outcome:
        """Return the outcome of an order that no location host could take in time."""
        waited = f"for {PATIENCE_SECONDS:g} s"
        if self.code is None:
            what = f"Dagster's storage has not named its run's code {waited}"
            return fault("instance", error_info("NoAnswer", what))
        where = self.code.location or self.code.source.target
        what = f"it waited {waited} for code location {where}"
        return fault("location", error_info("StillImporting", what))

    def prolong(self, until: float) -> None:
        """Let it live until then; a term only grows."""
        self.until = prolonged(self.until, until)

    def kill(self) -> None:
        """Note that the worker asked for its end."""
        self.killed = True

    def admit(self, admission: Admission) -> None:
        """Note that the recorder lets it run, and records it."""
        self.admission = admission

    def look_again(self) -> None:
        """Note that the recorder is asked once more whether it may run."""
        self.admission = None

    def find(self, code: RunCode) -> None:
        """Note where the code of its run is."""
        self.code = code

    def hand_over(self, link: Link) -> None:
        """Note that this location host has it now."""
        self.link = link
        link.assigned[self.id] = self

    def take_back(self) -> None:
        """Hold it again."""
        self.link = None

    def relays(self, kind: str) -> bool:
        """Note a frame of its process; return whether it is the first of its type."""
        self.started = True
        first = kind not in self._relayed
        self._relayed.add(kind)
        return first

    def lack_code(self) -> None:
        """Note that it must start again once the code is imported again."""
        self.lacks_code = True

    def start_again(self) -> None:
        """Note that its process has ended, and that another one begins from nothing."""
        self.lacks_code = False
        self._relayed.clear()

    def restart(self) -> None:
        """Note that its location host ended before its process started."""
        self.restarts += 1
