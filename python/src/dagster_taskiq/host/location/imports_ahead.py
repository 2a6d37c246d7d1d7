"""Imports in the location host what its steps were seen to import, so that later forks have it.

Each module is tried in a fork first. One that fails, hangs, or leaves behind what a fork breaks is
left to the steps. Times are boot time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, Frame

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.fork import Forked

# The host obeys no frame while it imports a module.
LONGEST_SECONDS = 3.0
# The location host blocks as long between two looks at its channels.
_TOGETHER_SECONDS = 0.25
# User code can send any number of names.
_MOST_MODULES = 10_000
_LONGEST_NAME = 200
# Each costs a fork, and imports again what was harmless so far.
_MOST_TRIALS = 100
_MOST_NAMED = 10


class ImportsAhead:
    """What steps imported, what was tried, and what the host imports next.

    `fork` starts a process that imports modules which were tried, then tries others. `import_now`
    imports one in this process.
    """

    def __init__(
        self,
        fork: Callable[[Sequence[str], Sequence[str]], Forked],
        import_now: Callable[[str], None],
    ) -> None:
        self._fork = fork
        self._import_now = import_now
        self._known: set[str] = set()
        self._untried: list[str] = []
        self._harmless: dict[str, float] = {}
        self._to_import: list[str] = []
        self._left: dict[str, str] = {}
        self._trials = 0
        self._trying: str | None = None
        self._overdue_at = math.inf
        self.trial: Forked | None = None

    def note(self, modules: object) -> None:
        """Take in which modules a step reports as imported. User code can send such a report."""
        if not isinstance(modules, list):
            return
        for name in modules:
            if _may_be_name(name) and name not in self._known and len(self._known) < _MOST_MODULES:
                self._known.add(name)
                self._untried.append(name)

    def do_due(self, now: float) -> None:
        """Do what is next: try, give up a trial that hangs, or import for a moment."""
        if self.trial is not None:
            if now >= self._overdue_at:
                self._overdue_at = math.inf
                self.trial.kill()
        elif self._untried and self._trials < _MOST_TRIALS:
            self._try(now)
        elif self._to_import:
            self._import_some()

    def wakes_at(self) -> float:
        """Return when `do_due` has something to do."""
        if self.trial is not None:
            return self._overdue_at
        waits = self._to_import or (self._untried and self._trials < _MOST_TRIALS)
        return -math.inf if waits else math.inf

    def read(self) -> None:
        """Take in what the trial says. Raises EOFError."""
        if self.trial is not None:
            self._take_in(self.trial.channel.receive_now())

    def lost(self, pid: int) -> Forked | None:
        """Return the trial, after taking in what it found, if it is its process that has ended."""
        ended = self.trial
        if ended is None or ended.pid != pid:
            return None
        self._take_in(ended.channel.drain())
        if self._trying is not None:
            self._untried.remove(self._trying)
            self._left[self._trying] = f"not imported within {LONGEST_SECONDS:g} s"
        self.trial, self._trying = None, None
        if not self._untried or self._trials >= _MOST_TRIALS:
            self._decide()
        return ended

    def _try(self, now: float) -> None:
        self._trials += 1
        try:
            self.trial = self._fork(list(self._harmless), self._untried)
        except OSError as error:
            warn(f"modules are not imported ahead: {error!r}")
            self._untried.clear()
        else:
            self._overdue_at = now + LONGEST_SECONDS

    def _take_in(self, frames: Iterable[Frame | Broken]) -> None:
        for frame in frames:
            if isinstance(frame, Broken):
                continue
            name = frame.get("module")
            if name not in self._untried:
                continue
            if frame["type"] == "trying":
                self._trying = name
                self._overdue_at = boot_time() + LONGEST_SECONDS
            elif frame["type"] == "tried":
                self._tried(name, frame["seconds"], frame["left"])

    def _tried(self, name: str, seconds: float, left: Sequence[str]) -> None:
        self._trying = None
        self._untried.remove(name)
        if left:
            self._left[name] = ", ".join(left)
        else:
            self._harmless[name] = seconds

    def _decide(self) -> None:
        self._to_import = list(self._harmless)
        if self._left:
            first = list(self._left.items())[:_MOST_NAMED]
            why = "; ".join(f"{name} ({left})" for name, left in first)
            warn(f"{len(self._left)} modules are left to the steps that import them: {why}")
            self._left = {}

    def _import_some(self) -> None:
        ends_at = boot_time() + _TOGETHER_SECONDS
        while self._to_import and boot_time() < ends_at:
            self._import_now(self._to_import.pop(0))
        if not self._to_import:
            seconds = sum(self._harmless.values())
            warn(
                f"{len(self._harmless)} modules that a step imported are imported ahead from now"
                f" on: {seconds:.2f} s less for each step that needs them"
            )
            self._harmless = {}


def _may_be_name(name: object) -> bool:
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return False
    return all(part.isidentifier() for part in name.split("."))
