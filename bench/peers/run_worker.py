"""Runs jobs of `peer_jobs`, each in a fork of its own, as run workers do, and measures them.

One request a line on stdin, as `{"job", "config"}`. For each, stdout gets three lines. `{"run_id"}`
comes once the run is created, and `{"wall_ms", "cpu_ms", "succeeded"}` once it has ended.
`{"waits_ms"}` is how long each step waited between its order and its start. The fork goes on to the
next line only when it reads an empty one.

The import of Dagster and of the jobs is done before the first request. What a run imports besides
is imported here after it, so that only the first run of a process has imports in its figures.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.api import execute_run_iterator

PR_SET_PDEATHSIG = 1
ORDERED = DagsterEventType.STEP_WORKER_STARTING
STARTED = DagsterEventType.STEP_START

JOBS = ReconstructableRepository.for_module(
    "peer_jobs", "peers", working_directory=str(Path(__file__).parent)
)


def answer(**fields: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def await_line() -> None:
    """Return when the bench has read the last answer and all that it measures beside it."""
    # Not `sys.stdin`: its buffer is shared with the parent.
    os.read(0, 1)


def cpu_ms() -> float:
    """Return what this process and its ended children have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used) * 1000


def run(request: dict[str, Any]) -> None:
    """Be the run worker of one run."""
    with DagsterInstance.get() as instance:
        job = JOBS.get_reconstructable_job(request["job"])
        record = instance.create_run_for_job(
            job_def=job.get_definition(),
            run_config=request["config"],
            job_code_origin=job.get_python_origin(),
        )
        answer(run_id=record.run_id)
        await_line()
        begun, used = time.monotonic(), cpu_ms()
        for _ in execute_run_iterator(job, record, instance):
            pass
        took, used = (time.monotonic() - begun) * 1000, cpu_ms() - used
        ended = instance.get_run_by_id(record.run_id)
        answer(wall_ms=took, cpu_ms=used, succeeded=ended is not None and ended.is_success)
        await_line()
        answer(waits_ms=waits(instance, record.run_id))


def waits(instance: DagsterInstance, run_id: str) -> list[float]:
    """Return the milliseconds from each step's order to its start."""
    ordered, started = (
        {entry.step_key: entry.timestamp for entry in instance.all_logs(run_id, of_type=kind)}
        for kind in (ORDERED, STARTED)
    )
    return [(started[key] - at) * 1000 for key, at in ordered.items() if key in started]


def fork_run(request: dict[str, Any]) -> list[str]:
    """Run a job in a fork; return the modules that the fork has."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            run(request)
            with os.fdopen(writer, "w") as names:
                json.dump(sorted(sys.modules), names)
        except BaseException:  # noqa: BLE001 - nothing may go on in the fork
            answer(failed=traceback.format_exc())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as names:
        loaded = names.read()
    os.waitpid(pid, 0)
    return json.loads(loaded or "[]")


def main() -> None:
    """Serve until stdin ends."""
    JOBS.get_definition()
    while line := sys.stdin.buffer.raw.readline():  # type: ignore[attr-defined]
        for name in fork_run(json.loads(line)):
            if name not in sys.modules and name != "__mp_main__":
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


if __name__ == "__main__":
    main()
