"""Shows that the memory of the processes that fork steps is flat, over thousands of steps.

Prints the anonymous memory and the open descriptors of the base and of the location host after each
tenth of the steps. Also prints what one no-op step holds alone while it runs, by its pages.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests/host"))

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from orders import announce, job_at, run_order
from processes import anonymous_kb, descriptors, parent_of
from worker_double import WorkerDouble

# A run's log grows with each step, and each step reads its own part of it.
STEPS_OF_RUN = 50
_CODE = f"""
import json, os
from pathlib import Path
from dagster import job, op
from dagster_taskiq import taskiq_executor

@op
def tick() -> None:
    fields = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()]
    kb = {{name: int(size) for name, size, unit, *_ in fields if unit == "kB"}}
    with Path(os.environ["HELD"]).open("a") as file:
        file.write(json.dumps(kb) + "\\n")

@job(executor_def=taskiq_executor)
def ticks():
    for number in range({STEPS_OF_RUN}):
        tick.alias(f"tick_{{number}}")()
"""


def private_mb(file: Path) -> float:
    """Return the median of what the steps held alone."""
    held = [json.loads(line) for line in file.read_text().splitlines()]
    return statistics.median(kb["Private_Dirty:"] + kb["Private_Clean:"] for kb in held) / 1024


def report(steps: int, base: int, location: int, begun: float) -> None:
    """Print one line."""
    print(
        f"{steps:6} steps   base {anonymous_kb(base):7} kB, {descriptors(base):3} descriptors"
        f"   location host {anonymous_kb(location):7} kB, {descriptors(location):3} descriptors"
        f"   {(time.monotonic() - begun) / steps * 1000:6.1f} ms a step",
        flush=True,
    )


def measure(home: Path, steps: int) -> None:
    """Run so many steps, one after the other."""
    held = home / "held"
    with DagsterInstance.from_config(str(home)) as instance:
        host = WorkerDouble(home, "-m", "ticking", "-d", str(home), env={"HELD": str(held)})
        host.await_frame("ready")
        begun = time.monotonic()
        for number in range(steps):
            if number % STEPS_OF_RUN == 0:
                run = _new_run(instance, home)
            key = f"tick_{number % STEPS_OF_RUN}"
            announce(instance, run, key)
            order = host.start("run", **run_order(run, key))
            location = parent_of(host.await_frame("started", order)["pid"])
            assert host.outcome(order)["kind"] == "success"
            host.seen.clear()
            if (number + 1) % max(1, steps // 10) == 0:
                report(number + 1, host.process.pid, location, begun)
        host.close()
    print(f"a step that does nothing holds {private_mb(held):.1f} MB alone")


def _new_run(instance: DagsterInstance, home: Path) -> DagsterRun:
    job = job_at("ticking", "ticks", home)
    return instance.create_run_for_job(
        job_def=job.get_definition(),
        job_code_origin=job.get_python_origin(),
        status=DagsterRunStatus.STARTED,
    )


def main() -> None:
    """Measure on SQLite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5000)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        (home / "ticking.py").write_text(_CODE)
        os.environ["DAGSTER_HOME"] = folder
        sys.path.insert(0, folder)
        measure(home, steps)


if __name__ == "__main__":
    main()
