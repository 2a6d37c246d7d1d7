"""Measures the CPU time of a step's process, by the size of its job and the instance's storage.

Each line is a median over steps of one run, and the ratio to a job of ten steps in the same run of
this script. The steps do nothing, so what is left is what the step host and Dagster cost.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests/host"))

from dagster import DagsterInstance, DagsterRunStatus
from orders import announce, job_at, run_order
from postgres import dagster_yaml, postgres_server
from worker_double import WorkerDouble

STEPS = 20
# The first steps of a run find out what the host then keeps for the others.
WARM_UP = 3
SIZES = (10, 100, 1000)
_TICKS_PER_MS = os.sysconf("SC_CLK_TCK") / 1000
_WIDE = """
from dagster import In, Nothing, job, op
from dagster_taskiq import taskiq_executor

@op
def tick() -> int:
    return 1

def wide(size):
    @job(executor_def=taskiq_executor)
    def ticks():
        for number in range(size):
            tick.alias(f"tick_{number}")()
    return ticks

"""


def cpu_of_ended_steps(pid: int) -> float:
    """Return the CPU milliseconds of all reaped children of the host's processes."""
    total = 0.0
    for child in _below(pid):
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[13]) + int(fields[14])) / _TICKS_PER_MS
    return total


def _below(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _below(int(child))


def measure(home: Path, size: int) -> tuple[float, float]:
    """Return the medians of CPU and wall milliseconds of one step."""
    with DagsterInstance.from_config(str(home)) as instance:
        job = job_at(f"wide_{size}", "ticks", home)
        run = instance.create_run_for_job(
            job_def=job.get_definition(),
            job_code_origin=job.get_python_origin(),
            status=DagsterRunStatus.STARTED,
        )
        host = WorkerDouble(home, "-m", f"wide_{size}", "-d", str(home))
        host.await_frame("ready")
        cpu: list[float] = []
        wall: list[float] = []
        for number in range(min(size, STEPS + WARM_UP)):
            announce(instance, run, f"tick_{number}")
            before, begun = cpu_of_ended_steps(host.process.pid), time.monotonic()
            outcome = host.outcome(host.start("run", **run_order(run, f"tick_{number}")))
            assert outcome["result"], outcome
            wall.append((time.monotonic() - begun) * 1000)
            cpu.append(cpu_of_ended_steps(host.process.pid) - before)
        host.close()
        return statistics.median(cpu[WARM_UP:]), statistics.median(wall[WARM_UP:])


def compare(storage: str, yaml: str) -> None:
    """Print one line per size of job."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{yaml}")
        for size in SIZES:
            (home / f"wide_{size}.py").write_text(f"{_WIDE}ticks = wide({size})\n")
        os.environ["DAGSTER_HOME"] = folder
        sys.path.insert(0, folder)
        least = None
        for size in SIZES:
            cpu, wall = measure(home, size)
            least = least or cpu
            print(
                f"{storage:10} {size:6} ops {cpu:6.1f} ms CPU {wall:6.1f} ms {cpu / least:5.2f} x",
                flush=True,
            )


def main() -> None:
    """Compare the sizes on both storages."""
    compare("SQLite", "")
    with postgres_server() as url:
        compare("PostgreSQL", dagster_yaml(url))


if __name__ == "__main__":
    main()
