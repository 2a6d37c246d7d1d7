"""The base's side of the watcher: keeps one alive while it is needed, and answers what it asks.

At most one answer is under way at a time, so that a watcher that hangs cannot make the base wait.
Times are boot time.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from dagster_taskiq.backoff import doubled
from dagster_taskiq.host.code.sources import RunCode
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, ErrorInfo, Frame

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.fork import Forked

# A cancellation reaches its steps within this time, at the price of one query per host and turn.
LOOK_SECONDS = 2.0
_LONGEST_DELAY = 30.0
# One that lived so long did not die of its start.
_LIVED_SECONDS = 60.0
# A run's code and plan never change; what is forgotten is looked up again.
_MOST_KNOWN = 10_000
# Of plans and run configs.
_MOST_BYTES = 64 * 1024 * 1024


class KnownRuns:
    """Where the code of runs is, which runs have live steps here, and the process that looks.

    `fork` starts that process; it gets the seconds to wait before the first look. `located` is
    called for each run that was to be located: with its code, or None for a run that has none
    (unknown, or over), or the error that kept the watcher from seeing it. `over` is called with
    the runs that are over, true for those that were canceled.
    """

    def __init__(
        self,
        fork: Callable[[float], Forked],
        located: Callable[[str, RunCode | None, ErrorInfo | None], None],
        over: Callable[[Mapping[str, bool]], None],
    ) -> None:
        self._fork = fork
        self._located = located
        self._over = over
        self._asked = False
        self._runs: list[str] = []
        self._ended: list[tuple[str, str]] = []
        self._unknown: dict[str, None] = {}
        self._known: OrderedDict[str, RunCode] = OrderedDict()
        self._known_bytes = 0
        self._looks_at = 0.0
        self._failures = 0
        self._early_deaths = 0
        self._born_at = 0.0
        self.watcher: Forked | None = None

    def code_of(self, run_id: str) -> RunCode | None:
        """Return where the run's code is, if that is known; else have it found out."""
        if (code := self._known.get(run_id)) is not None:
            self._known.move_to_end(run_id)
            return code
        self._unknown[run_id] = None
        self.serve()
        return None

    def look_at(self, run_ids: Iterable[str]) -> None:
        """Watch these runs, and no others."""
        self._runs = sorted(set(run_ids))
        self.serve()

    def free_slot_of(self, run_id: str, step_key: str) -> None:
        """Have the watcher give back what the step of a run that is over held."""
        self._ended.append((run_id, step_key))
        self.serve()

    def read(self) -> None:
        """Take in what the watcher says. Raises EOFError."""
        if self.watcher is not None:
            for frame in self.watcher.channel.receive():
                if not isinstance(frame, Broken):
                    self._hear(frame)

    def lost(self, pid: int) -> Forked | None:
        """Return the watcher if it is this process that has ended; `serve` starts another."""
        dead = self.watcher
        if dead is None or dead.pid != pid:
            return None
        self.watcher, self._asked = None, False
        early = boot_time() - self._born_at < _LIVED_SECONDS
        self._early_deaths = self._early_deaths + 1 if early else 0
        return dead

    def wakes_at(self) -> float:
        """Return when `serve` has something to do."""
        return self._looks_at if self._asked and (self._runs or self._ended) else math.inf

    def serve(self) -> None:
        """Answer the watcher if it has asked and there is something to look at now."""
        if not self._runs and not self._ended and not self._unknown:
            return
        if self.watcher is None:
            self._start()
        elif self._asked and (self._unknown or boot_time() >= self._looks_at):
            self._answer()

    def _answer(self) -> None:
        if self.watcher is None:
            return
        looks = boot_time() >= self._looks_at
        runs, ended = (self._runs, self._ended) if looks else ([], [])
        question = {"type": "look", "locate": list(self._unknown), "runs": runs, "ended": ended}
        try:
            self.watcher.channel.send(question)
        except OSError:  # it is dying, and its successor will ask
            return
        self._asked = False
        if looks:
            self._ended = []
            self._looks_at = boot_time() + doubled(LOOK_SECONDS, _LONGEST_DELAY, self._failures)

    def _hear(self, frame: Frame) -> None:
        if frame["type"] == "ask":
            self._asked = True
            self._failures = frame["failures"]
            self.serve()
        elif frame["type"] == "over":
            self._over(frame["runs"])
        elif frame["type"] == "located":
            self._take_in(frame)

    def _take_in(self, frame: Frame) -> None:
        run_id = frame["run_id"]
        self._unknown.pop(run_id, None)
        code = None if frame["code"] is None else RunCode.from_frame(frame["code"])
        if code is not None:
            self._keep(run_id, code)
        self._located(run_id, code, frame["error"])

    def _keep(self, run_id: str, code: RunCode) -> None:
        self._known[run_id] = code
        self._known_bytes += _bytes_of(code)
        while len(self._known) > _MOST_KNOWN or self._known_bytes > _MOST_BYTES:
            _, forgotten = self._known.popitem(last=False)
            self._known_bytes -= _bytes_of(forgotten)

    def _start(self) -> None:
        delay = doubled(1.0, _LONGEST_DELAY + 1.0, self._early_deaths) - 1.0
        self._born_at = boot_time()
        try:
            self.watcher = self._fork(delay)
        except OSError as error:
            warn(f"cannot fork the watcher of runs: {error!r}; trying again with the next step")


def _bytes_of(code: RunCode) -> int:
    plan = 0 if code.plan is None else len(code.plan.text)
    return plan + len(code.planned_with or "")
