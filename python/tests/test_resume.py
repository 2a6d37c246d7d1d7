"""Runs whose run worker is killed and that another one resumes, as run monitoring does it."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from dagster_taskiq.envelope import Envelope
from polling import poll_until
from runs import (
    ANSWERS_RESOURCE_FAILURES,
    RunWorkers,
    create_run,
    ends,
    executor_config,
    resume,
    status,
    types,
)
from sqs_double import Hold, SqsDouble
from step_worker import StepWorker

Begin = Callable[..., DagsterRun]


@pytest.fixture(scope="module")
def run_workers() -> Iterator[RunWorkers]:
    workers = RunWorkers()
    yield workers
    workers.close()


@pytest.fixture
def killed_while_sending(
    instance: DagsterInstance, sqs: SqsDouble, run_workers: RunWorkers
) -> Begin:
    """Start a run whose run worker is killed in its send number `nth`, which SQS took or not."""

    def begin(
        job_name: str, *, nth: int, sent: bool, module: str = "jobs", **config: Any
    ) -> DagsterRun:
        hold = Hold(after_effect=sent)
        sqs.faults += [lambda _: False] * (nth - 1) + [hold]
        run = create_run(instance, job_name, {**executor_config(sqs), **config}, module)
        run_worker = run_workers.start(run)
        try:
            assert hold.holding.wait(180), f"send {nth} did not come: {types(instance, run)}"
        finally:
            run_workers.kill(run_worker)
            hold.release.set()
        return run

    return begin


def succeeded_once(instance: DagsterInstance, run: DagsterRun) -> set[str | None]:
    """Return the steps that succeeded; each did so once."""
    successes = {key: n for (key, kind), n in ends(instance, run).items() if kind == "STEP_SUCCESS"}
    assert set(successes.values()) == {1}, successes
    return set(successes)


@pytest.mark.parametrize("sent", [False, True])
def test_a_step_that_may_have_been_sent_is_sent_again(
    instance: DagsterInstance,
    sqs: SqsDouble,
    worker: StepWorker,
    killed_while_sending: Begin,
    sent: bool,
) -> None:
    run = killed_while_sending("ticks", nth=1, sent=sent)
    resuming = threading.Thread(target=resume, args=(instance, run))
    resuming.start()
    # A worker that is faster than the new run worker would end the step before it is sent again.
    poll_until(lambda: len(sqs.requests) == 2)
    with worker:
        resuming.join()
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert succeeded_once(instance, run) == {"tick_a", "tick_b"}
    assert sqs.requests == ["SendMessageBatch"] * 2
    assert sorted(envelope.step_key for envelope in worker.envelopes) == ["tick_a", "tick_b"]


def test_a_sender_who_knows_a_step_cannot_make_the_queue_drop_it(
    instance: DagsterInstance, sqs: SqsDouble, run_workers: RunWorkers
) -> None:
    """SQS answers a duplicate like its original: the run would wait for a step that is nowhere."""
    run = create_run(instance, "ticks", executor_config(sqs))
    for step in ("tick_a", "tick_b"):
        for known in (run.run_id, step, f"{run.run_id}:{step}", f"{run.run_id}:{step}:0"):
            for guess in (known, hashlib.sha256(known.encode()).hexdigest()):
                forged = {"MessageGroupId": "g", "MessageDeduplicationId": guess}
                sqs.take("steps.fifo", {**forged, "MessageBody": "forged"})
    run_worker = run_workers.start(run)
    try:
        forged_count = sum(message.body == "forged" for message in sqs.messages)
        genuine = sqs.wait_for_messages(forged_count + 2)[forged_count:]
    finally:
        run_workers.kill(run_worker)
    assert {Envelope.from_dict(json.loads(message.body)).step_key for message in genuine} == {
        "tick_a",
        "tick_b",
    }


def test_a_step_that_ended_meanwhile_is_not_sent_again(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker, killed_while_sending: Begin
) -> None:
    with worker:
        run = killed_while_sending("adds_up", nth=2, sent=True)
        poll_until(lambda: ("add", "STEP_SUCCESS") in types(instance, run))
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert succeeded_once(instance, run) == {"one_0", "one_1", "one_2", "add", "expect_three"}
    assert sqs.requests == ["SendMessageBatch", "SendMessage", "SendMessage"]


def test_logs_longer_than_one_page_are_read_to_their_end(
    instance: DagsterInstance,
    sqs: SqsDouble,
    worker: StepWorker,
    killed_while_sending: Begin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_EXECUTOR_POP_EVENTS_LIMIT", "7")
    with worker:
        run = killed_while_sending("adds_up", nth=3, sent=False)
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert sqs.requests == ["SendMessageBatch", *["SendMessage"] * 3]


def test_retries_that_began_are_not_waited_for_again(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker, killed_while_sending: Begin
) -> None:
    key = "succeeds_at_last"
    with worker:
        run = killed_while_sending("retries", nth=2, sent=True)
        poll_until(lambda: types(instance, run).count((key, "STEP_UP_FOR_RETRY")) == 2)
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert ends(instance, run)[key, "STEP_UP_FOR_RETRY"] == 2
    assert [envelope.retry_count for envelope in worker.of(key)] == [0, 1, 2]


def test_a_retry_that_had_not_begun_is_launched(
    instance: DagsterInstance, worker: StepWorker, killed_while_sending: Begin
) -> None:
    key = "succeeds_at_last"
    run = killed_while_sending("retries", nth=1, sent=True)
    with worker:
        poll_until(lambda: (key, "STEP_UP_FOR_RETRY") in types(instance, run))
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert [envelope.retry_count for envelope in worker.of(key)] == [0, 1, 2]


def test_steps_after_a_skip_are_found_again(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker, killed_while_sending: Begin
) -> None:
    with worker:
        run = killed_while_sending("skips", nth=3, sent=True)
        poll_until(lambda: ("expect_one_of_two", "STEP_SUCCESS") in types(instance, run))
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert succeeded_once(instance, run) == {"decide", "taken", "expect_one_of_two"}
    assert sqs.requests == ["SendMessage"] * 3


def test_dynamic_steps_are_found_again(
    instance: DagsterInstance, worker: StepWorker, killed_while_sending: Begin
) -> None:
    with worker:
        run = killed_while_sending("splits", nth=4, sent=False)
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert len(succeeded_once(instance, run)) == 1 + 2 * 3 + 2 + 3


def test_a_limit_on_steps_is_kept(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker, killed_while_sending: Begin
) -> None:
    execution = executor_config(sqs, max_concurrent=1)["execution"]
    with worker:
        run = killed_while_sending("adds_up", nth=3, sent=True, execution=execution)
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert len(succeeded_once(instance, run)) == 5


def test_steps_that_ended_need_no_slot_of_their_pool(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker, killed_while_sending: Begin
) -> None:
    instance.event_log_storage.set_concurrency_slots("antenna", 1)
    with worker:
        # The one slot is with the second step, which ends only after the first one's end is read.
        # SQS did not take it: whether it ends before the run is resumed would be chance.
        run = killed_while_sending("shares_antenna", nth=2, sent=False)
        resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert sqs.requests == ["SendMessage"] * 3
    assert instance.event_log_storage.get_concurrency_info("antenna").active_slot_count == 0


if ANSWERS_RESOURCE_FAILURES:

    def test_an_unanswered_resource_failure_is_answered_with_a_retry(
        instance: DagsterInstance, worker: StepWorker, killed_while_sending: Begin, tmp_path: Path
    ) -> None:
        repaired = tmp_path / "repaired"
        resources = {"radar": {"config": {"repaired": str(repaired)}}}
        run = killed_while_sending("reads_radar", nth=1, sent=True, resources=resources)
        with worker:
            poll_until(lambda: ("read_radar", "RESOURCE_INIT_FAILURE") in types(instance, run))
            repaired.touch()
            resume(instance, run)
        assert status(instance, run) is DagsterRunStatus.SUCCESS
        assert ends(instance, run) == {
            ("read_radar", "STEP_UP_FOR_RETRY"): 1,
            ("read_radar", "STEP_SUCCESS"): 1,
        }

    def test_an_answered_resource_failure_is_not_answered_again(
        instance: DagsterInstance, worker: StepWorker, killed_while_sending: Begin, tmp_path: Path
    ) -> None:
        repaired = tmp_path / "repaired"
        resources = {"radar": {"config": {"repaired": str(repaired)}}}
        with worker:
            run = killed_while_sending("reads_radar", nth=2, sent=False, resources=resources)
            repaired.touch()
            resume(instance, run)
        assert status(instance, run) is DagsterRunStatus.SUCCESS
        assert ends(instance, run)["read_radar", "STEP_UP_FOR_RETRY"] == 1

else:

    def test_an_old_resource_failure_is_the_end(
        instance: DagsterInstance, worker: StepWorker, killed_while_sending: Begin, tmp_path: Path
    ) -> None:
        resources = {"radar": {"config": {"repaired": str(tmp_path / "never")}}}
        run = killed_while_sending("reads_radar", nth=1, sent=True, resources=resources)
        with worker:
            poll_until(lambda: ("read_radar", "RESOURCE_INIT_FAILURE") in types(instance, run))
            resume(instance, run)
        assert status(instance, run) is DagsterRunStatus.FAILURE
        assert ends(instance, run) == {}
