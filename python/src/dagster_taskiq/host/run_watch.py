"""The host's side of the watcher: keeps one alive while steps run, and answers what it asks.

At most one answer is under way at a time, so that a watcher that hangs cannot make the host wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from dagster_taskiq.host.errors import warn
from dagster_taskiq.host.frames import Broken, Frame

if TYPE_CHECKING:
    from dagster_taskiq.host.fork import Forked

_LONGEST_DELAY = 30.0
# One that lived so long did not die of its start.
_LIVED_SECONDS = 60.0


def step_of(frame: Frame) -> tuple[str, str] | None:
    """Return run id and step key of a frame that has a step run; None for every other."""
    envelope = frame.get("envelope")
    if not isinstance(envelope, Mapping):
        return None
    run_id, step_key = envelope.get("run_id"), envelope.get("step_key")
    return (run_id, step_key) if isinstance(run_id, str) and isinstance(step_key, str) else None


class RunWatch:
    """Which runs have live steps here, and the process that looks whether they are over.

    `fork` starts that process; it gets the seconds to wait before the first look.
    """

    def __init__(self, fork: Callable[[float], Forked]) -> None:
        self._fork = fork
        self._asked = False
        self._runs: list[str] = []
        self._ended: list[tuple[str, str]] = []
        self._early_deaths = 0
        self._born_at = 0.0
        self.watcher: Forked | None = None

    def look_at(self, run_ids: Iterable[str]) -> None:
        """Watch these runs, and no others."""
        self._runs = sorted(set(run_ids))
        self._serve()

    def free_slot_of(self, run_id: str, step_key: str) -> None:
        """Have the watcher give back what the step of a run that is over held."""
        self._ended.append((run_id, step_key))
        self._serve()

    def read(self) -> dict[str, bool]:
        """Take in what the watcher says; return the runs that are over. Raises EOFError.

        True for those that were canceled.
        """
        over: dict[str, bool] = {}
        if self.watcher is not None:
            for frame in self.watcher.channel.receive():
                if isinstance(frame, Broken):
                    continue
                if frame["type"] == "ask":
                    self._asked = True
                    self._serve()
                elif frame["type"] == "over":
                    over.update(frame["runs"])
        return over

    def lost(self, pid: int) -> Forked | None:
        """Return the watcher if it is this process that has ended; `look_at` starts another."""
        dead = self.watcher
        if dead is None or dead.pid != pid:
            return None
        self.watcher, self._asked = None, False
        early = time.monotonic() - self._born_at < _LIVED_SECONDS
        self._early_deaths = self._early_deaths + 1 if early else 0
        return dead

    def _serve(self) -> None:
        if not self._runs and not self._ended:
            return
        if self.watcher is None:
            self._start()
        elif self._asked:
            self._asked = False
            ended, self._ended = self._ended, []
            try:
                self.watcher.channel.send({"type": "runs", "runs": self._runs, "ended": ended})
            except OSError:  # it is dying, and its successor will ask
                self._ended = ended

    def _start(self) -> None:
        delay = min(_LONGEST_DELAY, 2.0**self._early_deaths - 1)
        self._born_at = time.monotonic()
        try:
            self.watcher = self._fork(delay)
        except OSError as error:
            warn(f"cannot fork the watcher of runs: {error!r}; trying again with the next step")
