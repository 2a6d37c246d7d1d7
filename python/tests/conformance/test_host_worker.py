"""A step host that dies ends the wait for its run, because an endless wait shows no reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cases import CASES
from host_worker import HostWorker
from side import CODE, Driver

if TYPE_CHECKING:
    from pathlib import Path

    from dagster import DagsterInstance

from sqs_double import SqsDouble


def test_a_host_that_dies_fails_the_run_with_its_words(
    instance: DagsterInstance, dagster_home: Path, sqs: SqsDouble
) -> None:
    env = {"PYTHONPATH": str(CODE)}
    execution = {"queue_url": sqs.url("steps.fifo"), "poll_interval_seconds": 0.1}
    with (
        HostWorker(sqs, dagster_home, (), env, program="dies_of_work") as worker,
        pytest.raises(AssertionError, match=r"the worker failed in ends: .*out of coffee"),
        Driver(dagster_home, "under_queue", execution, worker) as driver,
    ):
        driver.run(CASES[0], instance)
