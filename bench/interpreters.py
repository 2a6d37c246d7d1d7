"""Measures steps that run in interpreters of their own, one after the other, in one run.

Prints the time and the CPU of everything per step, once with an interpreter started ahead for each
step and once without. The first step of each is left out, because nothing waits for it.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests/host"))
sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests/host/fixtures"))

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from orders import job_at, run_order
from worker_double import LOCATION, WorkerDouble

STEPS = 10
ROUNDS = 2
# A program of this folder: the same host, whose interpreters never wait.
PROGRAMS = {"started ahead": "dagster_taskiq.host", "started by each step": "unprewarmed_host"}
SPAWN = {"taskiq/isolation": "spawn"}


def measure(home: Path, run: DagsterRun, program: str) -> tuple[list[float], float]:
    """Return the seconds of each step, and the CPU seconds per step of host and steps."""
    before = _cpu_of_children()
    path = {"PYTHONPATH": str(Path(__file__).parent)}
    worker = WorkerDouble(home, *LOCATION, env=path, program=program)
    worker.await_frame("ready")
    ready = _cpu_of(worker.process.pid)
    took = []
    for _ in range(STEPS + 1):
        began = time.monotonic()
        order = worker.start("run", **run_order(run, "greet", tags=SPAWN))
        assert worker.outcome(order)["kind"] == "success"
        took.append(time.monotonic() - began)
        run = _another(home)
    worker.close()
    return took[1:], (_cpu_of_children() - before - ready) / (STEPS + 1)


def _another(home: Path) -> DagsterRun:
    with DagsterInstance.from_config(str(home)) as instance:
        recon = job_at("host_jobs", "greet")
        return instance.create_run_for_job(
            job_def=recon.get_definition(),
            job_code_origin=recon.get_python_origin(),
            status=DagsterRunStatus.STARTED,
        )


def _cpu_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure both in turn, and print one line for each and their ratio."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    cpu: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        for _ in range(ROUNDS):
            for name, program in PROGRAMS.items():
                took, used = measure(home, _another(home), program)
                seconds[name] += took
                cpu[name].append(used)
    ahead, alone = PROGRAMS
    for name in PROGRAMS:
        middle, used = statistics.median(seconds[name]), statistics.median(cpu[name])
        print(f"{name}: {middle * 1000:.0f} ms per step (median), {used * 1000:.0f} ms CPU")
    ratio = statistics.median(seconds[ahead]) / statistics.median(seconds[alone])
    more = statistics.median(cpu[ahead]) / statistics.median(cpu[alone])
    print(f"ratio: {ratio:.2f} of the time, {more:.2f} of the CPU")


if __name__ == "__main__":
    main()
