"""A run that is over interrupts its steps, here too, and leaves the steps of other runs alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from orders import job_at, run_order, terminal_events
from processes import alive
from worker_double import CODE, LOCATION, eventually

WAYS_TO_BE_OVER = {
    "canceling": lambda instance, run: instance.report_run_canceling(run),
    "force-terminated": lambda instance, run: instance.report_run_canceled(run),
    "failed": lambda instance, run: instance.report_run_failed(run),
    "deleted": lambda instance, run: instance.delete_run(run.run_id),
}


@pytest.fixture
def hold(create_run, tmp_path):
    """Start a step that waits for a file; return its run, its order and the file."""

    def hold(worker, job="waits_for_file"):
        file = tmp_path / f"go-{len(list(tmp_path.iterdir()))}"
        run = create_run(job, config={"file": str(file)})
        order = worker.start("run", **run_order(run, job))
        eventually(file.with_suffix(".started").exists)
        return run, order, file

    return hold


def recorders(host: int) -> list[int]:
    children = Path(f"/proc/{host}/task/{host}/children").read_text().split()
    return [int(p) for p in children if Path(f"/proc/{p}/comm").read_text() == "taskiq-recorder\n"]


def test_every_run_that_is_over_and_no_other_is_interrupted(worker, instance, hold):
    other_run, other, file = hold(worker)
    held = {way: hold(worker) for way in WAYS_TO_BE_OVER}
    for way, (run, _, _) in held.items():
        WAYS_TO_BE_OVER[way](instance, run)
    for way, (run, order, _) in held.items():
        outcome = worker.outcome(order)
        assert outcome["kind"] == "failure", (way, outcome)
        assert outcome["error"]["class"] == "DagsterExecutionInterruptedError", outcome
        assert terminal_events(instance, run) == ["STEP_FAILURE"]
    file.touch()
    assert worker.outcome(other)["kind"] == "success"
    assert terminal_events(instance, other_run) == ["STEP_SUCCESS"]


def test_all_steps_of_a_run_are_interrupted(worker, instance, create_run, tmp_path):
    files = [tmp_path / name for name in ("a", "b")]
    config = {name: {"config": {"file": str(tmp_path / name)}} for name in ("a", "b")}
    run = create_run("two_wait", ops=config)
    orders = [worker.start("run", **run_order(run, name)) for name in ("a", "b")]
    for file in files:
        eventually(file.with_suffix(".started").exists)
    instance.report_run_canceling(run)
    assert [worker.outcome(order)["kind"] for order in orders] == ["failure", "failure"]


def test_a_retry_policy_treats_an_interrupted_step_as_dagster_does(worker, instance, hold):
    run, order, _ = hold(worker, "waits_and_retries")
    instance.report_run_canceling(run)
    assert worker.outcome(order)["kind"] == "up_for_retry"
    assert terminal_events(instance, run) == ["STEP_UP_FOR_RETRY"]


def test_a_step_that_ends_without_an_event_does_not_count_as_a_crash(worker, instance, hold):
    run, order, _ = hold(worker, "exits_hard_at_interrupt")
    instance.report_run_canceling(run)
    frames = worker.finish(order)
    outcome = frames[-2]["outcome"]
    assert (outcome["kind"], outcome["error"]) == ("run_over", None)
    assert outcome["result"]["state"] == "run_over"
    assert outcome["result"]["execution_time_seconds"] > 0
    assert (frames[-1]["code"], frames[-1]["killed"]["cause"]) == (5, "canceled")
    assert terminal_events(instance, run) == []


def test_a_step_that_ignores_the_interrupt_is_killed(worker, instance, create_run, tmp_path):
    pids = tmp_path / "pids"
    run = create_run("hangs_in_c", config={"file": str(pids)})
    limits = {"grace_ms": 100}
    order = worker.start("run", **run_order(run, "hangs_in_c", limits=limits))
    eventually(pids.exists)
    instance.report_run_canceling(run)
    assert worker.outcome(order)["kind"] == "run_over"
    assert worker.await_frame("exited", order)["signal"] == "SIGKILL"
    assert [alive(int(pid)) for pid in pids.read_text().split()] == [False] * 3


def test_an_interrupt_before_the_step_has_begun_ends_it(
    start_worker, instance, create_run, tmp_path
):
    started = tmp_path / "started"
    worker = start_worker(env={"IMPORT_STARTED": str(started)})
    run = create_run("never_runs", recon=job_at("interrupted_at_import", "never_runs"))
    # Its own interpreter imports the code; a fork finds it imported.
    spawned = {"tags": {"taskiq/isolation": "spawn"}}
    order = worker.start("run", **run_order(run, "never_runs", **spawned))
    eventually(started.exists)
    instance.report_run_canceling(run)
    assert worker.outcome(order)["kind"] == "run_over"
    assert terminal_events(instance, run) == []


def test_the_recorder_starts_with_the_first_run_and_ends_with_the_worker(start_worker, hold):
    worker = start_worker(*LOCATION, fresh=True)
    host = worker.await_frame("ready")["pid"]
    assert recorders(host) == [], "before any run is live"
    _, order, file = hold(worker)
    [recorder] = eventually(lambda: recorders(host))
    assert len(list(Path(f"/proc/{host}/task").iterdir())) == 1
    file.touch()
    worker.finish(order)
    worker.process.kill()
    eventually(lambda: not alive(recorder))


def test_the_recorder_logs_an_outage_once_and_survives_it(start_worker, instance, hold, tmp_path):
    outage = tmp_path / "outage"
    outage.touch()
    env = {"OUTAGE": str(outage), "PYTHONPATH": str(CODE)}
    worker = start_worker(*LOCATION, program="unreadable_runs", env=env)
    worker.await_frame("ready")
    run, order, _ = hold(worker)
    instance.report_run_canceling(run)
    warning = "cannot read whether runs are over: ConnectionError('the database is away')"
    eventually(lambda: warning in worker.log())
    eventually(lambda: len(outage.read_text()) > 1)
    outage.unlink()
    assert worker.outcome(order)["kind"] == "failure"
    assert worker.log().count("whether runs are over") == 2
    assert "can read again whether runs are over" in worker.log()
