"""The tag `taskiq/isolation: spawn`: a fresh interpreter, and otherwise the same life and end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from orders import SUCCESS, events, job_at, run_order, terminal_events
from processes import alive
from worker_double import eventually, refuse

SPAWN = {"tags": {"taskiq/isolation": "spawn"}}


def test_a_fresh_interpreter_has_the_same_frames_and_events_as_a_fork(worker, instance, create_run):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet", **SPAWN))
    frames = worker.finish(order)
    assert [f["type"] for f in frames] == ["started", "capture", "ask", "outcome", "exited"]
    assert frames[-2]["outcome"]["kind"] == "success"
    assert (frames[-1]["code"], frames[-1]["signal"]) == (0, None)
    assert events(instance, run) == SUCCESS


def test_an_envelope_larger_than_any_pipe_reaches_a_fresh_interpreter(worker, create_run):
    tags = {**SPAWN["tags"], "taskiq/note": "x" * 900_000}
    outcome = worker.outcome(
        worker.start("run", **run_order(create_run("greet"), "greet", tags=tags))
    )
    assert outcome["kind"] == "success"


def test_a_fresh_interpreter_writes_nothing_without_a_permit(worker, instance, create_run):
    run = create_run("greet")
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet", **SPAWN)), refuse)
    assert outcome["kind"] == "permit_refused"
    assert terminal_events(instance, run) == []


@pytest.fixture(scope="module")
def own_host(start_worker):
    """A host that imports only what run records name."""
    return start_worker(fresh=True)


def test_code_that_cannot_be_forked_runs_and_is_not_imported_by_the_host(own_host, create_run):
    host = own_host.await_frame("ready")["pid"]
    recon = job_at("unforkable", "asks_its_thread")
    for _ in range(2):
        order = run_order(create_run("asks_its_thread", recon=recon), "asks_its_thread", **SPAWN)
        assert own_host.outcome(own_host.start("run", **order))["kind"] == "success"
    assert len(list(Path(f"/proc/{host}/task").iterdir())) == 1
    assert "threads at import" not in own_host.log()


def test_a_fresh_interpreter_is_interrupted_with_its_run_and_ends_with_its_host(
    own_host, instance, create_run, tmp_path
):
    orders, runs = [], []
    for name in ("canceled", "going_on"):
        file = tmp_path / name
        runs.append(create_run("waits_for_file", config={"file": str(file)}))
        orders.append(own_host.start("run", **run_order(runs[-1], "waits_for_file", **SPAWN)))
        eventually(file.with_suffix(".started").exists)
    canceled, going_on = (own_host.await_frame("started", order)["pid"] for order in orders)
    assert b"dagster_taskiq.host.spawned" in Path(f"/proc/{canceled}/cmdline").read_bytes()
    assert os.getpgid(canceled) == canceled
    instance.report_run_canceling(runs[0])
    assert own_host.outcome(orders[0])["kind"] == "failure"
    assert terminal_events(instance, runs[0]) == ["STEP_FAILURE"]
    assert alive(going_on)
    own_host.process.kill()
    eventually(lambda: not alive(going_on))


def test_an_instance_that_cannot_be_opened_is_a_fault_before_any_work(tmp_path):
    ours, theirs = socket.socketpair()
    lifeline = os.memfd_create("lifeline")
    fds = (theirs.fileno(), lifeline)
    command = [sys.executable, "-m", "dagster_taskiq.host.spawned", *map(str, (os.getpid(), *fds))]
    env = {**os.environ, "DAGSTER_HOME": str(tmp_path / "missing")}
    ended = subprocess.run(command, pass_fds=fds, env=env, check=False)
    outcome = json.loads(ours.recv(1 << 20))["outcome"]
    assert (ended.returncode, outcome["kind"], outcome["scope"]) == (1, "fault", "instance")
    assert outcome["error"]["class"] == "DagsterInvariantViolationError"
