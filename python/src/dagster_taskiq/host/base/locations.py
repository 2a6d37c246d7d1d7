"""The code locations of a worker: those of its flags, and those that runs have brought along."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from dagster_taskiq.backoff import doubled
from dagster_taskiq.host.code.importing import CodeLocation, location_of_run

if TYPE_CHECKING:
    from dagster_taskiq.host.base.assignments import Assignment
    from dagster_taskiq.host.base.links import Link
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame

# How often a location is imported again because it lacks a step of the same run.
_LACK_SECONDS = 60.0
# Each costs the memory of what it has imported.
MOST_OF_RUNS = 8
IDLE_SECONDS = 900.0
_BACKOFF_CAP = 30.0
_MOST_LACKED = 1_000


class Is(Enum):
    """Where a code location stands."""

    ABSENT = "absent"
    IMPORTING = "importing"
    READY = "ready"
    BROKEN = "broken"


class Location:
    """One code location, with the location host that has it now. Times are boot time."""

    def __init__(self, code: CodeLocation, *, of_flags: bool) -> None:
        self.code = code
        self.of_flags = of_flags
        """Imported before any step asks for it, and again until that works."""
        self.state = Is.ABSENT if code.refused is None else Is.BROKEN
        self.error: ErrorInfo | None = code.refused
        self.unforkable: list[str] = []
        """What a fork would break that its code has left behind, in words."""
        self.counts: Mapping[str, int] = {}
        """How many jobs and assets it has, where that is counted."""
        self.link: Link | None = None
        self.waiting: list[Assignment] = []
        self.changed: str | None = None
        """The file that has changed since it was imported last."""
        self.used_at = 0.0
        self.retries_at = math.inf
        self._failures = 0
        self._lacked: dict[str, float] = {}

    @property
    def is_settled(self) -> bool:
        """Whether it has been imported, or has failed to be."""
        return self.state in (Is.READY, Is.BROKEN)

    @property
    def summary(self) -> Frame:
        """Its fields in the frames to the worker."""
        left = {"unforkable": self.unforkable} if self.unforkable else {}
        return {"name": self.code.name, "error": self.error, **left, **self.counts}

    def begin(self, link: Link) -> None:
        """Note that a new location host imports it."""
        self.state, self.link = Is.IMPORTING, link

    def succeed(self, unforkable: list[str]) -> None:
        """Note its import, and the names of everything that a fork of it would break."""
        self.state, self.error, self._failures = Is.READY, None, 0
        self.unforkable = unforkable

    def leave_behind(self, unforkable: list[str]) -> None:
        """Note what its code has left behind since it was imported."""
        self.unforkable = unforkable

    def fail(self, error: ErrorInfo, now: float) -> None:
        """Note that its import failed, or that its location host has ended."""
        # A host that ends after it was ready is replaced at once, and then ever less often.
        wait = 0.0 if self.state is Is.READY else doubled(1.0, _BACKOFF_CAP, self._failures)
        self._failures += self.state is not Is.READY
        self.state, self.error, self.link = Is.BROKEN, error, None
        self.unforkable = []
        self.retries_at = now + wait

    def leave(self, path: str | None) -> None:
        """Note that its code has changed, so that another location host imports it next."""
        self.state, self.link, self.changed = Is.ABSENT, None, path

    def use(self, now: float) -> None:
        """Note that a run has asked for it."""
        self.used_at = now

    def count(self, counts: Mapping[str, int]) -> None:
        """Note how many jobs and assets the import found."""
        self.counts = counts

    def note_delay(self, error: ErrorInfo) -> None:
        """Note what the worker reads of it while its import goes on."""
        self.error = error

    def drop_link(self) -> None:
        """Note that its location host ends, because no run uses it."""
        self.link = None

    def take_change(self) -> str | None:
        """Return the file that changed, and forget it, once the new code is imported."""
        if self.state is not Is.READY:
            return None
        changed, self.changed = self.changed, None
        return changed

    def hold(self, assignment: Assignment) -> None:
        """Keep the order until the import is over."""
        self.waiting.append(assignment)

    def give_up(self, assignment: Assignment) -> None:
        """Stop keeping the order, if it is here."""
        if assignment in self.waiting:
            self.waiting.remove(assignment)

    def take_waiting(self) -> list[Assignment]:
        """Return the orders that have waited for the import, and stop keeping them."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def lacks_step_of(self, run_id: str, now: float) -> bool:
        """Return whether to import it again for a step of this run that it lacks."""
        if now < self._lacked.get(run_id, -math.inf) + _LACK_SECONDS:
            return False
        if len(self._lacked) >= _MOST_LACKED:
            self._lacked.clear()
        self._lacked[run_id] = now
        return True

    def must_import(self, now: float) -> bool:
        """Return whether an import could change its state."""
        return self.state is Is.ABSENT or (self.state is Is.BROKEN and now >= self.retries_at)


class Locations:
    """Finds the code location that a run's code is in."""

    def __init__(self, of_flags: Sequence[CodeLocation], *, imports_ahead: bool = True) -> None:
        self.of_flags = [Location(code, of_flags=True) for code in of_flags]
        self.imports_ahead = imports_ahead
        """Whether their hosts import what their steps were seen to import."""
        self._of_runs: dict[tuple[str | None, object], Location] = {}

    def __iter__(self) -> Iterator[Location]:
        yield from self.of_flags
        yield from self._of_runs.values()

    def find(self, code: RunCode, now: float) -> Location | None:
        """Return the run's location. `None` means that too many others are in use."""
        location = self._among_flags(code) or self._of_runs.get((code.location, code.source))
        if location is None and self._make_room():
            location = Location(location_of_run(code), of_flags=False)
            self._of_runs[code.location, code.source] = location
        if location is not None:
            location.use(now)
        return location

    def end_idle(self, now: float) -> None:
        """End the hosts of locations that no run has used for long."""
        for key, location in list(self._of_runs.items()):
            if now >= location.used_at + IDLE_SECONDS and _is_free(location):
                self._drop(key)

    def _among_flags(self, code: RunCode) -> Location | None:
        same = [each for each in self.of_flags if each.code.source.is_same_code(code.source)]
        named = [each for each in self.of_flags if each.code.name == code.location]
        if named:
            # The worker knows that name: another one's code would be the wrong code.
            return next((each for each in named if each in same), None)
        exact = [each for each in same if each.code.source == code.source]
        # Code servers have names of their own, so a run's location may have another name here.
        candidates = exact or same
        return candidates[0] if len(candidates) == 1 else None

    def _make_room(self) -> bool:
        if len(self._of_runs) < MOST_OF_RUNS:
            return True
        free = [key for key, location in self._of_runs.items() if _is_free(location)]
        if not free:
            return False
        self._drop(min(free, key=lambda key: self._of_runs[key].used_at))
        return True

    def _drop(self, key: tuple[str | None, object]) -> None:
        location = self._of_runs.pop(key)
        if (link := location.link) is not None:
            location.drop_link()
            link.leave()
            with contextlib.suppress(OSError):  # it has ended by itself
                link.process.channel.post({"type": "stop"})


def _is_free(location: Location) -> bool:
    assigned = () if location.link is None else location.link.assigned
    return not location.waiting and not assigned and location.state is not Is.IMPORTING
