"""A run worker in a process of its own, to be killed: `run_worker.py <run id>`."""

import sys

from dagster import DagsterInstance
from dagster._cli.api import recon_job_from_origin
from dagster._core.execution.api import execute_run_iterator


def main(run_id: str) -> None:
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.job_code_origin is not None
        job = recon_job_from_origin(run.job_code_origin)
        list(execute_run_iterator(job, run, instance))


if __name__ == "__main__":
    main(sys.argv[1])
