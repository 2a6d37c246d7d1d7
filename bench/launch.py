"""Measures how fast a run worker launches steps, and how soon it launches one after another.

The first figure is a thousand steps that are ready at once, by an SQS server that answers 10 ms
late. They are sent with up to ten messages in a request, and with one in each. The second is a
chain of forty steps that run one by one in one process. The run worker is woken as it is, or looks
every 250 ms, beside Dagster's in-process executor.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python/tests"))

from dagster import DagsterInstance, DagsterRun
from dagster._cli.api import recon_job_from_origin
from dagster._core.execution.api import execute_run_iterator
from dagster_taskiq import outgoing, step_handler
from postgres import dagster_yaml, postgres_server
from runs import create_run, executor_config
from sqs_double import SqsDouble

ROUND_TRIP = 0.01
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LAUNCHES = 300
SETTINGS = """
telemetry: {enabled: false}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


class Late(list):  # type: ignore[type-arg]
    """Faults of an SQS server that only takes its time."""

    def __bool__(self) -> bool:
        return True

    def pop(self, _: int) -> Callable[[object], bool]:  # type: ignore[override]
        """Wait, and let the server answer."""
        time.sleep(ROUND_TRIP)
        return lambda _: False


@contextmanager
def run_worker(run: DagsterRun, profile: Path | None) -> Iterator[int]:
    """Be the run worker in a process of its own."""
    if (pid := os.fork()) == 0:
        profiler = cProfile.Profile()

        def stop(*_: object) -> None:
            profiler.disable()
            if profile is not None:
                with profile.open("w") as file:
                    pstats.Stats(profiler, stream=file).sort_stats("cumtime").print_stats(60)
            os._exit(0)

        # Dagster takes SIGTERM for itself.
        signal.signal(signal.SIGUSR1, stop)
        with DagsterInstance.get() as instance:
            assert run.job_code_origin is not None
            job = recon_job_from_origin(run.job_code_origin)
            if profile is not None:
                profiler.enable()
            list(execute_run_iterator(job, run, instance))
        os._exit(0)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGUSR1)
        os.waitpid(pid, 0)


def cpu_seconds(pid: int) -> float:
    """Return what the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def launch(instance: DagsterInstance, batch: int, profile: Path | None) -> tuple[float, float]:
    """Return steps per second and CPU milliseconds of the run worker per step."""
    outgoing.MAX_BATCH = step_handler.MAX_BATCH = batch  # type: ignore[attr-defined]
    with SqsDouble() as sqs:
        sqs.faults = Late()
        run = create_run(instance, "thousand", {**executor_config(sqs), **QUIET}, module="thousand")
        instance.dispose()  # a fork must not share its connections
        with run_worker(run, profile) as pid:
            first = len(sqs.wait_for_messages(1))
            begun, used = time.monotonic(), cpu_seconds(pid)
            sqs.wait_for_messages(LAUNCHES)
            seconds, cpu = time.monotonic() - begun, cpu_seconds(pid) - used
    steps = LAUNCHES - first
    return steps / seconds, cpu * 1000 / steps


def measure(storage: str, rounds: int, profile: Path | None) -> None:
    """Print a line for each size of request, as ratios within this run."""
    most = outgoing.MAX_BATCH
    seen: dict[int, list[tuple[float, float]]] = {1: [], most: []}
    with DagsterInstance.get() as instance:
        for _ in range(rounds):
            for batch, launches in seen.items():
                launches.append(launch(instance, batch, profile if batch > 1 else None))
    least = statistics.median(rate for rate, _ in seen[1])
    for batch, launches in seen.items():
        rate = statistics.median(rate for rate, _ in launches)
        cpu = statistics.median(cpu for _, cpu in launches)
        what = f"{storage:9} {f'up to {batch} a request':20}"
        print(f"{what} {rate:6.0f} steps/s {cpu:6.2f} ms CPU {rate / least:5.2f} x", flush=True)


def main() -> None:
    """Measure on SQLite, then on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=Path, help="where a launch's profile goes")
    asked = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "bench"
    os.environ["AWS_DEFAULT_REGION"] = "eu-north-1"
    for storage in ("SQLite", "Postgres"):
        with ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            yaml = SETTINGS
            if storage == "Postgres":
                yaml += dagster_yaml(stack.enter_context(postgres_server()))
            (home / "dagster.yaml").write_text(yaml)
            os.environ["DAGSTER_HOME"] = str(home)
            measure(storage, asked.rounds, asked.profile)


if __name__ == "__main__":
    main()
