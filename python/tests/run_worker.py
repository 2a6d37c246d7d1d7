"""Run workers in processes of their own, to be killed. One order a line, one answer each.

They are forked from this process, which has Dagster imported. A start of Python for each would cost
more than the tests themselves.
"""

import json
import os
import signal
import sys

from dagster import DagsterInstance
from dagster._cli.api import recon_job_from_origin
from dagster._core.execution.api import execute_run_iterator

from dagster_taskiq.host.code.preload import preload


def main() -> None:
    preload()
    for line in sys.stdin:
        order = json.loads(line)
        answer = start(order["run"], order["env"]) if "run" in order else kill(order["kill"])
        print(answer, flush=True)  # noqa: T201 - the answer


def start(run_id: str, env: dict[str, str]) -> int:
    if (pid := os.fork()) != 0:
        return pid
    os.environ.clear()
    os.environ.update(env)
    try:
        be_run_worker(run_id)
    finally:
        os._exit(0)


def kill(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[0]


def be_run_worker(run_id: str) -> None:
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.job_code_origin is not None
        job = recon_job_from_origin(run.job_code_origin)
        list(execute_run_iterator(job, run, instance))


if __name__ == "__main__":
    main()
