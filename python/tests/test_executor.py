"""Real runs: Dagster's executor loop, an SQS server over HTTP, steps run from messages alone."""

import json
from collections.abc import Callable
from typing import Any

import dagster
import pytest
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    ReexecutionOptions,
    execute_job,
)

from dagster_taskiq import __version__
from dagster_taskiq.envelope import OnFault
from dagster_taskiq.instance_id import instance_id
from dagster_taskiq.tags import KNOWN_TAGS
from runs import (
    ANSWERS_RESOURCE_FAILURES,
    FIXTURES,
    create_run,
    ends,
    executor_config,
    recon_of,
    status,
    step_events,
    types,
    work_on,
)
from sqs_double import SqsDouble, refuse
from step_worker import StepWorker

RunJob = Callable[..., DagsterRun]


@pytest.fixture
def run_job(instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker) -> RunJob:
    """Run a job to its end, with a worker at the queue."""

    def run_job(job_name: str, module: str = "jobs", **config: Any) -> DagsterRun:
        run = create_run(instance, job_name, {**executor_config(sqs), **config}, module)
        with worker:
            work_on(instance, run)
        return run

    return run_job


@pytest.mark.parametrize(
    ("job_name", "module"),
    [
        ("adds_up", "jobs"),
        ("skips", "jobs"),
        ("splits", "jobs"),
        ("retries", "jobs"),
        ("fan_in", "definitions.fan_in"),
        ("dynamic", "definitions.dynamic"),
    ],
)
def test_every_step_gets_what_it_reads(
    run_job: RunJob, worker: StepWorker, instance: DagsterInstance, job_name: str, module: str
) -> None:
    run = run_job(job_name, module)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert set(ends(instance, run).values()) <= {1, 2}
    assert worker.raised == []


@pytest.mark.parametrize(("left", "right"), [(0, 2), (3, 0), (0, 0)])
def test_a_collect_of_no_outputs_runs(
    run_job: RunJob, instance: DagsterInstance, left: int, right: int
) -> None:
    sizes = {"config": {"left": left, "right": right}}
    ops = {"split": sizes, "compare_counts": sizes}
    run = run_job("splits", ops=ops)
    assert status(instance, run) is DagsterRunStatus.SUCCESS


def test_the_first_message_has_all_that_a_worker_needs(
    run_job: RunJob, worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    run = run_job("adds_up")
    (envelope,) = worker.of("add")
    assert (envelope.run_id, envelope.op_name, envelope.retry_count) == (run.run_id, "add", 0)
    assert (envelope.retry_mode, envelope.on_fault) == ("deferred", None)
    assert envelope.tags == {"taskiq/group": "adders", "taskiq/timeout": "5m"}
    assert envelope.instance == instance_id(instance)
    assert (envelope.dagster, envelope.dagster_taskiq) == (dagster.__version__, __version__)
    assert envelope.job == "adds_up"
    assert [message.group_id for message in sqs.messages][3] == "adders"


def test_a_tag_that_nothing_reads_is_named_in_the_runs_log(
    run_job: RunJob, instance: DagsterInstance
) -> None:
    run = run_job("misspells")
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    said = [
        record.user_message
        for record in instance.all_logs(run.run_id)
        if record.user_message.startswith("taskiq reads no tag ")
    ]
    close = "taskiq reads no tag taskiq/time_out, so it has no effect: did you mean taskiq/timeout?"
    assert said.count(close) == 2  # one for each of the two ops
    assert len(said) == 4
    assert any("taskiq/owner, so it has no effect: it is none of taskiq/queue," in t for t in said)


def test_the_known_tags_are_those_of_both_languages() -> None:
    listed = json.loads((FIXTURES / "step-tags.json").read_text(encoding="utf-8"))
    assert sorted(KNOWN_TAGS) == listed


def test_launch_is_announced_before_it_is_sent(
    run_job: RunJob, worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    run = run_job("adds_up")
    of_add = [event for event in step_events(instance, run) if event.step_key == "add"]
    starting = of_add[0]
    assert starting.event_type is DagsterEventType.STEP_WORKER_STARTING
    assert starting.message == f'Sending step "add" to queue {sqs.url("steps.fifo")}.'
    metadata = {name: value.value for name, value in starting.engine_event_data.metadata.items()}
    (message,) = (message for message in sqs.messages if '"step_key":"add"' in message.body)
    assert metadata == {
        "queue": sqs.url("steps.fifo"),
        "attempt": 0,
        "idempotency_key": f"{run.run_id}:add",
        "message_bytes": len(worker.of("add")[0].to_json()),
        "deduplication_id": message.dedup_id,
    }


def test_a_step_with_a_name_that_workers_refuse_fails_alone_and_is_not_sent(
    run_job: RunJob, worker: StepWorker, instance: DagsterInstance
) -> None:
    run = run_job("has_a_long_name")
    assert status(instance, run) is DagsterRunStatus.FAILURE
    assert ends(instance, run) == {
        ("n" * 2_001, "STEP_FAILURE"): 1,
        ("well_named", "STEP_SUCCESS"): 1,
    }
    (failure,) = (e for e in step_events(instance, run) if e.is_step_failure)
    assert failure.step_failure_data.error is not None
    assert "step_key: expected at most 2000 bytes" in failure.step_failure_data.error.message
    assert [(sent.step_key, sent.job) for sent in worker.envelopes] == [("well_named", None)]


def test_a_retry_is_a_new_message(
    run_job: RunJob, worker: StepWorker, instance: DagsterInstance
) -> None:
    run = run_job("retries")
    attempts = worker.of("succeeds_at_last")
    assert [envelope.retry_count for envelope in attempts] == [0, 1, 2]
    on_fault = OnFault(retry_in=0.05)
    assert [envelope.on_fault for envelope in attempts] == [on_fault, on_fault, None]
    assert len({envelope.group_id for envelope in attempts}) == 1
    assert ends(instance, run) == {
        ("succeeds_at_last", "STEP_UP_FOR_RETRY"): 2,
        ("succeeds_at_last", "STEP_SUCCESS"): 1,
        ("pass_on", "STEP_SUCCESS"): 1,
    }


def test_disabled_retries_reach_the_worker(
    run_job: RunJob, worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    execution = executor_config(sqs, retries={"disabled": {}})["execution"]
    run = run_job("retries", execution=execution)
    (envelope,) = worker.of("succeeds_at_last")
    assert (envelope.retry_mode, envelope.on_fault) == ("disabled", None)
    assert status(instance, run) is DagsterRunStatus.FAILURE
    assert ends(instance, run) == {("succeeds_at_last", "STEP_FAILURE"): 1}


def test_max_concurrent_limits_what_is_in_the_queue(
    run_job: RunJob, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    execution = executor_config(sqs, max_concurrent=1)["execution"]
    run = run_job("ticks", execution=execution)
    order = [
        pair for pair in types(instance, run) if pair[1] in ("STEP_WORKER_STARTING", "STEP_SUCCESS")
    ]
    assert [kind for _, kind in order] == ["STEP_WORKER_STARTING", "STEP_SUCCESS"] * 2


def test_a_resource_failure_ends_in_at_most_one_step_failure(
    run_job: RunJob, instance: DagsterInstance
) -> None:
    run = run_job("resource_fails", "definitions.resource_fails")
    assert status(instance, run) is DagsterRunStatus.FAILURE
    answers = {("read_satellite", "STEP_FAILURE"): 1} if ANSWERS_RESOURCE_FAILURES else {}
    assert ends(instance, run) == answers


def test_the_sample_job_runs(worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance) -> None:
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    repository = ReconstructableRepository.for_module(
        "definitions", "defs", working_directory=str(FIXTURES)
    )
    with worker:
        result = execute_job(
            repository.get_reconstructable_job("weather_report"),
            instance=instance,
            run_config=executor_config(sqs),
        )
        assert result.success
    assert len(worker.envelopes) == 11
    assert [envelope.retry_count for envelope in worker.of("published_page")] == [0, 1]
    materialized = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert materialized == {"weather", "weather_page", "published_page"}


def test_reexecution_from_failure_loads_from_the_parent_run(
    worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    def foul(fair: bool) -> dict[str, Any]:
        return {"ops": {"fails_in_foul_weather": {"config": {"fair": fair}}}}

    job = recon_of("reexecutes")
    with worker:
        parent = execute_job(job, instance, {**executor_config(sqs), **foul(False)})
        assert not parent.success
        before = len(worker.envelopes)
        child = execute_job(
            job,
            instance,
            {**executor_config(sqs), **foul(True)},
            reexecution_options=ReexecutionOptions.from_failure(parent.run_id, instance),
        )
        assert child.success
    again = [envelope.step_key for envelope in worker.envelopes[before:]]
    assert again == ["fails_in_foul_weather", "expect_three"]


@pytest.mark.parametrize(
    "selection",
    [["count", "expect_count"], ["pass_on[left_1]"], ["pass_on[?]", "count", "expect_count"]],
)
def test_a_reexecution_runs_dynamic_steps(
    worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance, selection: list[str]
) -> None:
    job = recon_of("reexecutes")
    with worker:
        parent = execute_job(job, instance, executor_config(sqs))
        assert parent.success
        options = ReexecutionOptions(parent.run_id, step_selection=selection)
        child = execute_job(job, instance, executor_config(sqs), reexecution_options=options)
        assert child.success
    assert len(child.get_step_success_events()) >= len(selection)


def test_a_throttled_send_is_in_the_runs_log(
    run_job: RunJob, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    sqs.faults += [refuse(400, "RequestThrottled", "Rate exceeded")]
    run = run_job("ticks")
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    warnings = [entry.user_message for entry in instance.all_logs(run.run_id) if entry.level == 30]
    assert len(warnings) == 1
    assert warnings[0].startswith(
        f"Could not send step tick_a (attempt 0) and 1 more of run {run.run_id} to queue "
        f"{sqs.url('steps.fifo')} after 1 try: RequestThrottled: Rate exceeded. Trying again in "
    )


def test_a_send_that_fails_fails_the_run_and_says_why(
    sqs: SqsDouble, instance: DagsterInstance
) -> None:
    run = create_run(instance, "ticks", executor_config(sqs, queue="gone.fifo"))
    work_on(instance, run)
    assert status(instance, run) is DagsterRunStatus.FAILURE
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)
    (failed,) = [entry.dagster_event for entry in entries]
    assert (
        f"Could not send step tick_a (attempt 0) of run {run.run_id} to queue "
        f"{sqs.url('gone.fifo')} after 1 try: "
        "QueueDoesNotExist: The specified queue does not exist."
    ) in failed.job_failure_data.error.to_string()


def test_terminating_says_who_ends_the_steps(
    worker: StepWorker, sqs: SqsDouble, instance: DagsterInstance
) -> None:
    denied = refuse(400, "AccessDenied")
    sqs.faults += [denied, lambda _: False, denied]
    run = create_run(instance, "ticks", executor_config(sqs))
    work_on(instance, run)
    noted = [event.message for event in step_events(instance, run) if event.step_key == "tick_a"][
        -1
    ]
    assert noted == (
        'Step "tick_a" ends with its run: a worker that runs it interrupts it when it sees the'
        " run's status, one that receives it later does not start it."
    )
