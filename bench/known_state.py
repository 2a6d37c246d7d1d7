"""Measures what a step process reads before its body, in a run of a thousand ops on SQLite.

Prints CPU time per step as a multiple of the two reads that no step can do without: the run record
and the step's own log.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests/host"))

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun
from dagster_taskiq.host.location.unpacked_plans import UnpackedPlans
from dagster_taskiq.host.record.attempt_log import read_attempt
from dagster_taskiq.host.record.planned import Plan, stored_plans
from dagster_taskiq.host.record.standing import look_up, require_open
from dagster_taskiq.host.wire.orders import StepId
from orders import announce
from runs import create_run, record_success

ROUNDS = 9
STEPS = {"without inputs": "tick_500", "with 999 inputs": "total"}


def measure(instance: DagsterInstance, run: DagsterRun) -> None:
    """Print one line per step and way."""
    begun = time.process_time()
    stored = stored_plans(instance, {str(run.execution_plan_snapshot_id)})
    plans = UnpackedPlans().of(*stored.values())
    took = (time.process_time() - begun) * 1000
    size = sum(len(each.text) for each in stored.values()) // 1024
    print(f"once per plan and location host: {took:.0f} ms CPU; {size} KB in each order")
    instance.dispose()  # a fork must not share its connections
    for what, step_key in STEPS.items():
        step = StepId(run.run_id, step_key, 0)

        def reads(step: StepId = step) -> None:
            instance.get_run_by_id(step.run_id)
            read_attempt(instance, step)

        def stands(step: StepId = step, plans: Mapping[str, Plan] = MappingProxyType({})) -> None:
            require_open(instance, look_up(instance, step, plans), step)

        least = in_forks(reads)
        show(what, "the two reads", least, least)
        show(what, "reads the plan", in_forks(stands), least)
        show(what, "inherits it", in_forks(partial(stands, plans=plans)), least)


def show(what: str, way: str, took: float, least: float) -> None:
    """Print one line."""
    print(f"{what:16} {way:16} {took:6.1f} ms CPU  {took / least:5.2f} x", flush=True)


def in_forks(work: Callable[[], object]) -> float:
    """Return the median CPU milliseconds of `work` in a process forked for it."""
    return statistics.median(_in_fork(work) for _ in range(ROUNDS))


def _in_fork(work: Callable[[], object]) -> float:
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            begun = time.process_time()
            work()
            os.write(writer, str((time.process_time() - begun) * 1000).encode())
        except BaseException:  # noqa: BLE001 - nothing may go on in the fork
            traceback.print_exc()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        took = float(file.read())
    os.wait()
    return took


def main() -> None:
    """Make the run, with all ticks done."""
    with tempfile.TemporaryDirectory() as home:
        Path(home, "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        os.environ["DAGSTER_HOME"] = home
        with DagsterInstance.from_config(home) as instance:
            run = create_run(instance, "thousand", {}, module="thousand")
            begun = DagsterEvent(DagsterEventType.PIPELINE_START.value, run.job_name)
            instance.report_dagster_event(begun, run.run_id)
            for step_key in STEPS.values():
                announce(instance, run, step_key)
            for number in range(999):
                record_success(instance, run, f"tick_{number}")
            instance.dispose()
            measure(instance, run)


if __name__ == "__main__":
    main()
