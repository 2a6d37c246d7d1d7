"""The end of a step process: by way of the exit hooks of the step's own code, or at once."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from dagster_taskiq.host.child.exit_hooks import run_exit_hooks

# EX_TEMPFAIL of sysexits.h, for readers of logs. No code decides by exit codes.
GAVE_UP = 75


def end_process(code: int) -> NoReturn:
    """End as an interpreter does: wait for threads, run exit hooks, flush.

    Returning instead would run the host's own stack to its end in this process.
    """
    run_exit_hooks()
    leave_now(code)


def leave_now(code: int = GAVE_UP) -> NoReturn:
    """End without any more of the step's own code: an exception Dagster would record."""
    flush_output()
    os._exit(code)


def flush_output() -> None:
    """Write out what is buffered; a closed or full stream loses only its own text."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
