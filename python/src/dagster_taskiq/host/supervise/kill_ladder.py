"""The kill ladder: how the host ends a step that must not go on, and which end it may record.

Its rungs are a stack dump, SIGINT, grace, and SIGKILL to the group. Pure. Time is an argument, and
the caller acts.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Protocol


class Cause(str, Enum):
    """Why a step is ended; `killed.cause` of the frame `exited`."""

    TIMED_OUT = "timed_out"
    SILENT = "silent"
    OUTPUT = "output"
    PROCESSES = "processes"
    CANCELED = "canceled"
    RUN_OVER = "run_over"
    AFTER_END = "after_end"


class Climbed(Protocol):
    """The process, as far as the ladder needs it."""

    def dump_stacks(self, why: str) -> None:
        """Have it write the stack of every thread."""

    def interrupt(self) -> None:
        """SIGINT to its group."""

    def kill(self) -> None:
        """SIGKILL to its group."""


_RUNGS = {
    Cause.TIMED_OUT: ("dump", "interrupt", "kill"),
    Cause.SILENT: ("dump", "interrupt", "kill"),
    # These grow while the ladder waits.
    Cause.OUTPUT: ("dump", "kill"),
    Cause.PROCESSES: ("dump", "kill"),
    # The step did nothing wrong, unless it will not end.
    Cause.CANCELED: ("interrupt", "dump", "kill"),
    Cause.RUN_OVER: ("interrupt", "dump", "kill"),
    Cause.AFTER_END: ("dump", "interrupt", "kill"),
}

# Nothing follows from the end of such a run's step: what Dagster makes of the interrupt may stand.
# Of the others the machinery's budget decides, which an event would take out of its hands.
_MAY_SPEAK = {Cause.CANCELED, Cause.RUN_OVER}

# Reasons to end a step before its end is recorded, and none afterwards.
_FORGIVEN = {Cause.TIMED_OUT, Cause.SILENT, Cause.RUN_OVER}

# Dumping a hundred threads takes milliseconds; a SIGKILL right behind the signal would win.
_DUMP_SECONDS = 0.25


class KillLadder:
    """How far one process is on the ladder. It begins once, and is never taken back."""

    def __init__(self, cause: Cause, message: str, grace: float) -> None:
        self.cause = cause
        self.message = message
        self.due_at = -math.inf
        self._grace = grace
        self._rungs = list(_RUNGS[cause])
        self._interrupted = False

    def climb(self, now: float, process: Climbed) -> None:
        """Take every rung that is due."""
        while now >= self.due_at:
            self.due_at = now + self._take(self._rungs.pop(0), process)

    @property
    def is_pointless_after_end(self) -> bool:
        """Whether a step that recorded its end in time need not go down this ladder."""
        return self.cause in _FORGIVEN and not self._interrupted

    def refuses(self, event: object) -> bool:
        """Return whether the terminal event is only a result of the interrupt.

        A step that really finished meanwhile says STEP_SUCCESS, whatever it did with the interrupt.
        """
        return self._interrupted and self.cause not in _MAY_SPEAK and event != "STEP_SUCCESS"

    def _take(self, rung: str, process: Climbed) -> float:
        """Return the seconds until the next rung."""
        if rung == "dump":
            process.dump_stacks(self.message)
            return _DUMP_SECONDS
        if rung == "interrupt":
            self._interrupted = True
            process.interrupt()
            return self._grace
        process.kill()
        return math.inf
