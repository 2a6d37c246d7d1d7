"""A recorder that dies, stands still or loses its database costs starts, and no outcome twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from dagster import DagsterInstance
from orders import job_at, run_order, terminal_events
from processes import alive, parent_of
from worker_double import CODE, LOCATION, eventually, grant

from postgres import dagster_yaml, postgres_server


def children(pid: int, name: str) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found if Path(f"/proc/{each}/comm").read_text() == f"{name}\n"]


@pytest.fixture(scope="module")
def own_worker(start_worker):
    worker = start_worker(*LOCATION)
    worker.await_frame("ready")
    return worker


def recorder_of(worker) -> int:
    [recorder] = eventually(lambda: children(worker.process.pid, "taskiq-recorder"))
    return recorder


def is_given_back(frames) -> None:
    """The worker gives the start back for a fault of the instance."""
    [outcome] = [frame["outcome"] for frame in frames if frame["type"] == "outcome"]
    assert (outcome["kind"], outcome["scope"], outcome["error"]["class"]) == (
        "fault",
        "instance",
        "RecorderLost",
    )
    # It sees by itself that nothing more is recorded, or it is killed.
    assert (frames[-1]["code"], frames[-1]["signal"]) in [(75, None), (None, "SIGKILL")]
    assert frames[-1]["killed"] is None


def test_a_step_whose_recorder_dies_is_killed_and_given_back(
    own_worker, instance, create_run, tmp_path
):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = own_worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    step = own_worker.await_frame("started", order)["pid"]
    location_host, recorder = parent_of(step), recorder_of(own_worker)
    os.kill(recorder, signal.SIGKILL)
    is_given_back(own_worker.finish(order))
    assert not alive(step)
    assert terminal_events(instance, run) == []

    (tmp_path / "go").touch()
    again = own_worker.start("run", **run_order(run, "waits_for_file"))
    assert own_worker.outcome(again)["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]
    assert alive(location_host)
    assert recorder_of(own_worker) != recorder


def test_a_recorder_that_dies_before_the_permit_comes_records_nothing(
    own_worker, instance, create_run
):
    run = create_run("greet")
    order = own_worker.start("run", **run_order(run, "greet"))
    own_worker.await_frame("ask", order)
    os.kill(recorder_of(own_worker), signal.SIGKILL)
    own_worker.await_frame("exited", order)
    own_worker.send({"type": "permit", "id": order, **grant()()})
    is_given_back(own_worker.finish(order))
    assert terminal_events(instance, run) == []
    again = own_worker.outcome(own_worker.start("run", **run_order(run, "greet")))
    assert again["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_an_end_that_stands_outlives_the_recorder(own_worker, instance, create_run, tmp_path):
    file = tmp_path / "late"
    job = job_at("ends_late", "hook_after_success")
    run = create_run(
        "hook_after_success", ops={"succeeds": {"config": {"file": str(file)}}}, recon=job
    )
    order = own_worker.start("run", **run_order(run, "succeeds"))
    own_worker.answer(order, grant())
    eventually(file.with_suffix(".late").exists)
    os.kill(recorder_of(own_worker), signal.SIGKILL)
    frames = own_worker.finish(order)
    assert [f["outcome"]["kind"] for f in frames if f["type"] == "outcome"] == ["success"]
    assert frames[-1]["signal"] == "SIGKILL"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_recorder_that_stood_still_past_the_permit_records_nothing(
    own_worker, instance, create_run
):
    run = create_run("greet")
    order = own_worker.start("run", **run_order(run, "greet"))
    own_worker.await_frame("ask", order)
    recorder = recorder_of(own_worker)
    os.kill(recorder, signal.SIGSTOP)
    own_worker.send({"type": "permit", "id": order, "granted": True, "within_ms": 1})
    os.kill(recorder, signal.SIGCONT)
    outcome = own_worker.outcome(order)
    assert (outcome["kind"], outcome["error"]["class"]) == ("permit_refused", "PermitLapsed")
    assert terminal_events(instance, run) == []


def test_a_recorder_that_stands_still_is_replaced(start_worker, create_run, instance, tmp_path):
    worker = start_worker(*LOCATION, program="impatient_base", env={"PYTHONPATH": str(CODE)})
    worker.await_frame("ready")
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    os.kill(recorder_of(worker), signal.SIGSTOP)
    is_given_back(worker.finish(order))
    assert "the recorder has not answered for 15 s: killed" in worker.log()
    (tmp_path / "go").touch()
    again = worker.outcome(worker.start("run", **run_order(run, "waits_for_file")))
    assert again["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_step_in_its_own_interpreter_is_given_back_too(
    own_worker, instance, create_run, tmp_path
):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    spawned = {"tags": {"taskiq/isolation": "spawn"}}
    order = own_worker.start("run", **run_order(run, "waits_for_file", **spawned))
    eventually((tmp_path / "go.started").exists)
    os.kill(recorder_of(own_worker), signal.SIGKILL)
    is_given_back(own_worker.finish(order))
    (tmp_path / "go").touch()
    again = own_worker.start("run", **run_order(run, "waits_for_file", **spawned))
    assert own_worker.outcome(again)["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_steps_of_a_database_that_is_gone_are_given_back(start_worker, create_run, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with postgres_server() as url:
        (home / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{dagster_yaml(url)}")
        with DagsterInstance.from_config(str(home)) as instance:
            worker = start_worker(*LOCATION, at=home)
            run = create_run(
                "waits_for_file", config={"file": str(tmp_path / "go")}, instance=instance
            )
            order = worker.start("run", **run_order(run, "waits_for_file"))
            eventually((tmp_path / "go.started").exists)
    (tmp_path / "go").touch()
    outcome = worker.outcome(order)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
