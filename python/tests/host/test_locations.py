"""A code location that cannot be imported stops its own steps, and nothing else."""

from __future__ import annotations

import pytest
from dagster._core.code_pointer import FileCodePointer
from dagster._core.definitions.reconstruct import bootstrap_standalone_recon_job
from orders import engine_messages, events, job_at, report_order, run_order, terminal_events
from worker_double import CODE, LOCATION, refuse

WHOLE = """
from dagster import job, op

@op
def late():
    return 1

@job
def late_job():
    late()
"""
BROKEN = "import sys; sys.exit('no licence for this machine')"


@pytest.fixture(scope="module")
def location(tmp_path_factory):
    return tmp_path_factory.mktemp("location") / "late_location.py"


@pytest.fixture(scope="module")
def worker(start_worker, location):
    location.write_text(BROKEN)
    flags = ("-m", location.stem, "-d", str(location.parent))
    return start_worker(*flags)


@pytest.fixture
def run(create_run, location, monkeypatch):
    location.write_text(WHOLE)
    recon = job_at(location.stem, "late_job", location.parent)
    run = create_run("late_job", recon=recon)
    location.write_text(BROKEN)
    return run


def test_ready_says_so(worker, location):
    [told] = worker.await_frame("ready")["locations"]
    assert told["name"] == location.stem
    assert (told["error"]["class"], told["error"]["message"]) == (
        "SystemExit",
        "no licence for this machine",
    )


def test_its_steps_fault_and_say_why_in_the_run(worker, instance, run):
    told = worker.outcome(worker.start("run", **run_order(run, "late")), refuse)
    assert (told["kind"], told["scope"]) == ("fault", "location")
    assert told["error"]["class"] == "SystemExit"
    assert terminal_events(instance, run) == []
    assert engine_messages(instance, run)[-1].startswith("Step late could not be started: cannot")


def test_a_probe_with_its_run_says_why(worker, instance, run):
    told = worker.outcome(worker.start("probe", run_id=run.run_id), refuse)
    assert (told["kind"], told["scope"]) == ("fault", "location")
    assert told["error"]["message"] == "no licence for this machine"
    assert events(instance, run) == []


def test_a_probe_without_a_run_does_not_mind(worker):
    assert worker.outcome(worker.start("probe", run_id=None), refuse)["kind"] == "probed"


def test_they_can_still_be_reported(worker, instance, run):
    told = worker.outcome(worker.start("report", **report_order(run, "late")))
    assert told["kind"] == "reported"
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_a_mended_location_needs_no_new_host(worker, instance, run, location):
    location.write_text(WHOLE)
    told = worker.outcome(worker.start("run", **run_order(run, "late")))
    assert told["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_probe_sees_that_it_is_mended(worker, instance, run, location):
    location.write_text(WHOLE)
    told = worker.outcome(worker.start("probe", run_id=run.run_id), refuse)
    assert told == {"kind": "probed", "result": None, "error": None}
    assert events(instance, run) == []


def test_other_locations_are_none_the_worse(worker, create_run):
    told = worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))
    assert told["kind"] == "success"


def test_threads_at_import_are_warned_of(start_worker, tmp_path):
    (tmp_path / "threaded.py").write_text(
        "import threading\n"
        "from dagster import Definitions\n"
        "threading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()\n"
        "defs = Definitions()\n"
    )
    worker = start_worker("-m", "threaded", "-d", str(tmp_path))
    assert worker.await_frame("ready")["locations"] == [{"name": "threaded", "error": None}]
    assert (
        "taskiq host: code started threads at import (poller); no step process has them\n"
        in worker.log()
    )


def test_a_job_in_a_file(worker, create_run):
    pointer = FileCodePointer(str(CODE / "host_jobs.py"), "greet", str(CODE))
    run = create_run("greet", recon=bootstrap_standalone_recon_job(pointer))
    told = worker.outcome(worker.start("run", **run_order(run, "greet")))
    assert told["kind"] == "success"


def test_wrong_flags_are_fatal(start_worker):
    worker = start_worker("-m", "host_jobs", "--grpc-port", "4000")
    assert worker.await_frame("fatal") == {
        "type": "fatal",
        "code": "USAGE",
        "message": "a step's process imports its code itself: expected -m, -f or -w"
        " (got: -m host_jobs --grpc-port 4000)",
        "error": None,
    }
    assert worker.process.wait(60) == 1


def test_an_instance_that_cannot_be_opened_is_fatal(start_worker, tmp_path):
    worker = start_worker(*LOCATION, env={"DAGSTER_HOME": str(tmp_path / "missing")})
    fatal = worker.await_frame("fatal")
    assert fatal["code"] == "INSTANCE"
    assert fatal["message"].startswith("the Dagster instance cannot be opened: ")
    assert fatal["error"]["class"] == "DagsterInvariantViolationError"
    assert worker.process.wait(60) == 1
