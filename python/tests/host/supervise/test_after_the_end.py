"""What a step still does after its end is recorded: it has its time, and no more than that."""

from __future__ import annotations

from pathlib import Path

import pytest
from orders import job_at, run_order, terminal_events
from processes import alive
from worker_double import eventually, grant

LATE = {
    "hook_after_success": ("succeeds", "STEP_SUCCESS"),
    "hook_after_failure": ("fails", "STEP_FAILURE"),
    "teardown": ("uses", "STEP_SUCCESS"),
}


@pytest.fixture
def begin(worker, create_run, tmp_path):
    """Start a step that lingers after its end; return its run, its order and the file it awaits."""

    def begin(job, **options):
        step, _ = LATE[job]
        file = tmp_path / job
        ops = {step: {"config": {"file": str(file)}}}
        run = create_run(job, ops=ops, recon=job_at("ends_late", job))
        order = worker.start("run", **run_order(run, step, **options))
        worker.answer(order, grant())
        eventually(file.with_suffix(".late").exists)
        return run, order, file

    return begin


def test_a_run_that_is_over_leaves_hooks_and_teardown_their_time(
    worker, instance, create_run, begin, tmp_path
):
    late = {job: begin(job) for job in LATE}
    running = create_run("waits_for_file", config={"file": str(tmp_path / "never")})
    order = worker.start("run", **run_order(running, "waits_for_file"))
    eventually((tmp_path / "never.started").exists)
    for run, _, _ in late.values():
        instance.report_run_failed(run)
    instance.report_run_failed(running)
    # One look sees them all: the step that has not ended is interrupted by it.
    assert worker.outcome(order)["kind"] == "failure"
    for job, (run, order, file) in late.items():
        assert alive(worker.await_frame("started", order)["pid"]), job
        file.touch()
        frames = worker.finish(order)
        assert (frames[-1]["signal"], frames[-1]["killed"]) == (None, None), job
        assert file.with_suffix(".ended").read_text() == "by itself"
        assert terminal_events(instance, run) == [LATE[job][1]]


def test_a_canceled_run_interrupts_hooks_and_teardown(worker, instance, begin):
    run, order, file = begin("hook_after_success")
    instance.report_run_canceling(run)
    assert worker.outcome(order)["kind"] == "success"
    assert file.with_suffix(".ended").read_text() == "DagsterExecutionInterruptedError"


def test_a_process_that_goes_on_too_long_after_its_end_is_dumped_and_killed(
    worker, instance, create_run, begin
):
    _, order, file = begin("hook_after_success", limits={"after_end_ms": 300, "grace_ms": 10_000})
    frames = worker.finish(order)
    assert frames[-2]["outcome"]["kind"] == "success"
    late = "it still ran 0.3 s after its end was recorded"
    assert frames[-1]["killed"] == {"cause": "after_end", "message": late}
    assert file.with_suffix(".ended").read_text() == "DagsterExecutionInterruptedError"
    [capture] = [frame for frame in frames if frame["type"] == "capture"]
    log = Path(capture["stderr"]).read_text()
    assert log.index(f"taskiq ends the step: {late}; it is doing this:\n") < log.index("in cheers")


def test_a_thread_that_never_ends_frees_its_slot_after_the_limit(worker, create_run):
    run = create_run(
        "leaves_a_thread_for_ever", recon=job_at("ends_late", "leaves_a_thread_for_ever")
    )
    order = run_order(run, "never_ends", limits={"after_end_ms": 300, "grace_ms": 100})
    frames = worker.finish(worker.start("run", **order))
    assert frames[-2]["outcome"]["kind"] == "success"
    assert frames[-1]["killed"]["cause"] == "after_end"
    log = worker.log()
    assert log.index(f"taskiq ends the step (never_ends of run {run.run_id}): ") < log.rindex(
        "in _shutdown"
    )
