"""Runs the steps that arrive on stdin, one JSON object a line, and answers each with one on stdout.

In a process of its own: Dagster configures `logging` for every step, which deadlocks beside a run
worker in another thread.
"""

import json
import sys

from dagster import DagsterInstance
from dagster._cli.api import _execute_step_command_body
from dagster._core.execution.retries import RetryMode
from dagster._grpc.types import ExecuteStepArgs

from dagster_taskiq.envelope import Envelope
from dagster_taskiq.host.code.preload import preload
from dagster_taskiq.host.record.standing import look_up, require_open
from dagster_taskiq.host.wire.orders import StepId


def run_step(home: str, envelope: Envelope) -> None:
    """Run it with the state that the log has, as the step host does."""
    with DagsterInstance.from_config(home) as instance:
        run = instance.get_run_by_id(envelope.run_id)
        assert run is not None
        assert run.job_code_origin is not None
        step = StepId(envelope.run_id, envelope.step_key, envelope.retry_count)
        arguments = ExecuteStepArgs(
            job_origin=run.job_code_origin,
            run_id=envelope.run_id,
            step_keys_to_execute=[envelope.step_key],
            instance_ref=None,
            retry_mode=RetryMode(envelope.retry_mode),
            known_state=require_open(instance, look_up(instance, step), step),
        )
        list(_execute_step_command_body(arguments, instance, run))


def main() -> None:
    preload()
    for line in sys.stdin:
        order = json.loads(line)
        raised = None
        try:
            run_step(order["home"], Envelope.from_dict(json.loads(order["body"])))
        except Exception as error:  # noqa: BLE001 - Dagster raises again what it has recorded
            raised = type(error).__name__
        print(json.dumps({"raised": raised}), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
