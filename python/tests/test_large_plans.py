"""Large plans: the executor sends each of 400 steps once, the step host runs one of a thousand."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus
from orders import announce, run_order
from worker_double import WorkerDouble

if TYPE_CHECKING:
    from pathlib import Path

from dagster_taskiq.envelope import Envelope
from hundreds import STEPS
from runs import create_run, executor_config, record_success, status, types, work_on
from sqs_double import SqsDouble


def test_each_step_is_sent_and_ends_once(instance: DagsterInstance, sqs: SqsDouble) -> None:
    run = create_run(
        instance, "hundreds", executor_config(sqs, poll_interval_seconds=0.2), module="hundreds"
    )

    def work() -> None:
        for number in range(STEPS):
            message = sqs.wait_for_messages(number + 1)[number]
            record_success(instance, run, Envelope.from_dict(json.loads(message.body)).step_key)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    work_on(instance, run)
    worker.join()
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    kinds = Counter(kind for _, kind in types(instance, run))
    assert kinds == dict.fromkeys(("STEP_WORKER_STARTING", "STEP_OUTPUT", "STEP_SUCCESS"), STEPS)
    assert len(set(types(instance, run))) == 3 * STEPS
    sizes = [len(message.body) for message in sqs.messages]
    assert max(sizes) < 1000


def test_the_host_runs_one_of_a_thousand(dagster_home: Path, instance: DagsterInstance) -> None:
    run = create_run(instance, "thousand", {}, module="thousand")
    instance.report_dagster_event(
        DagsterEvent(DagsterEventType.PIPELINE_START.value, run.job_name), run.run_id
    )
    announce(instance, run, "tick_500")
    worker = WorkerDouble(dagster_home)
    worker.await_frame("ready")
    order = run_order(run, "tick_500", op_name="tick_500")
    assert worker.outcome(worker.start("run", **order))["kind"] == "success"
    worker.send({"type": "stop"})
    worker.close()
