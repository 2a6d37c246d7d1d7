"""The end of a step process: by way of the exit hooks of the step's own code, or at once."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import NoReturn

# EX_TEMPFAIL of sysexits.h; for whoever reads logs. Nothing decides by exit codes.
GAVE_UP = 75


def end_process(code: int) -> NoReturn:
    """End as an interpreter does: wait for threads, run exit hooks, flush; then leave no later.

    Returning instead would run the host's own stack to its end in this process.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        if (util := sys.modules.get("multiprocessing.util")) is not None:
            util._exit_function()
        atexit._run_exitfuncs()
    except BaseException as error:  # noqa: BLE001 - the outcome is known by now, and stands
        sys.stderr.write(f"taskiq: an exit hook failed: {error!r}\n")
        code = code or 1
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
