"""A code location that cannot be imported stops its own steps, and nothing else."""

from __future__ import annotations

import sys

import pytest
from dagster import DagsterInstance
from dagster._core.code_pointer import FileCodePointer
from dagster._core.definitions.reconstruct import bootstrap_standalone_recon_job
from orders import engine_messages, events, job_at, report_order, run_order, terminal_events
from worker_double import CODE, DEADLINE, LOCATION, eventually, refuse

from dagster_taskiq.host.options import location_origins

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
        "taskiq host: code started threads at import (poller); no forked step has them:"
        " tag its ops taskiq/isolation: spawn, and leave it out of the worker's flags\n"
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
    assert worker.process.wait(DEADLINE) == 1


def test_an_instance_that_cannot_be_opened_is_fatal(start_worker, tmp_path):
    worker = start_worker(*LOCATION, env={"DAGSTER_HOME": str(tmp_path / "missing")})
    fatal = worker.await_frame("fatal")
    assert fatal["code"] == "INSTANCE"
    assert fatal["message"].startswith("the Dagster instance cannot be opened: ")
    assert fatal["error"]["class"] == "DagsterInvariantViolationError"
    assert worker.process.wait(DEADLINE) == 1


TELLING = """
import os
from pathlib import Path
from dagster import job, op

FILE = Path(__file__)
IMPORTED_WITH = os.environ.get("SECRET")
os.environ["SET_AT_IMPORT"] = "kept"
with FILE.with_suffix(".imports").open("a") as imports:
    imports.write(f"{IMPORTED_WITH}\\n")

@op
def tell():
    seen = {k: v for k, v in os.environ.items() if k.startswith(("SECRET", "SET_AT"))}
    FILE.with_suffix(".seen").write_text(f"{IMPORTED_WITH} {sorted(seen.items())}")

@job
def tells():
    tell()
"""
LOADER = """
secrets:
  custom: {module: secrets_by_location, class: SecretsByLocation, config: {}}
"""


@pytest.fixture
def create_run_at(create_run, home, tmp_path):
    """Create runs of jobs in modules of the test's own; `at` is where they and the home are."""
    (tmp_path / "dagster.yaml").write_text((home / "dagster.yaml").read_text() + LOADER)
    with DagsterInstance.from_config(str(tmp_path)) as instance:

        def create(module: str):
            [origin] = location_origins(["-m", module, "-d", str(tmp_path)])
            of_dagster = sys.modules[type(origin).__module__]  # it has moved between versions
            repository = of_dagster.RemoteRepositoryOrigin(origin, "__repository__")
            return create_run(
                "tells",
                recon=job_at(module, "tells", tmp_path),
                instance=instance,
                remote_job_origin=of_dagster.RemoteJobOrigin(repository, "tells"),
            )

        yield create


def test_each_location_is_imported_once_and_has_its_own_variables(
    start_worker, create_run_at, tmp_path
):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(TELLING)
    flags = ("-m", "one", "-m", "two", "-d", str(tmp_path))
    worker = start_worker(*flags, at=tmp_path, env={"PYTHONPATH": str(CODE)})
    names = [told["name"] for told in worker.await_frame("ready")["locations"]]
    assert names == ["one", "two"]
    for name in ("one", "two", "one"):
        told = worker.outcome(worker.start("run", **run_order(create_run_at(name), "tell")))
        assert told["kind"] == "success"
        own = [("SECRET", f"of {name}"), (f"SECRET_OF_{name}", "1"), ("SET_AT_IMPORT", "kept")]
        assert (tmp_path / f"{name}.seen").read_text() == f"of {name} {own}"
    for name in ("one", "two"):
        # The test imports them too, without variables.
        assert (tmp_path / f"{name}.imports").read_text().count(f"of {name}") == 1


def test_a_location_for_another_interpreter_is_not_imported(start_worker, tmp_path):
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(
        "load_from:\n"
        "  - python_module: {module_name: host_jobs, executable_path: /opt/other/bin/python}\n"
    )
    worker = start_worker("-w", str(workspace))
    [told] = worker.await_frame("ready")["locations"]
    assert told["error"]["class"] == "OtherInterpreter"
    assert told["error"]["message"].startswith("it asks for /opt/other/bin/python, and this worker")


def test_code_that_changes_is_not_run_half_old(start_worker, instance, create_run, tmp_path):
    module = tmp_path / "changing.py"
    module.write_text(WHOLE)
    worker = start_worker("-m", "changing", "-d", str(tmp_path))
    worker.await_frame("ready")
    file = tmp_path / "go"
    held_run = create_run("waits_for_file", config={"file": str(file)})
    held = worker.start("run", **run_order(held_run, "waits_for_file"))
    eventually(file.with_suffix(".started").exists)
    run = create_run("late_job", recon=job_at("changing", "late_job", tmp_path))

    module.write_text(f"{WHOLE}\nCHANGED = True\n")
    told = eventually_refused(worker, run)
    assert (told["kind"], told["scope"], told["error"]["class"]) == (
        "fault",
        "location",
        "CodeChanged",
    )
    assert told["error"]["message"] == f"{module} has changed since this worker imported it"
    assert terminal_events(instance, run) == []
    # What runs may finish; then the host ends, and the worker starts another.
    assert worker.process.poll() is None
    file.touch()
    assert worker.outcome(held)["kind"] == "success"
    assert worker.process.wait(DEADLINE) == 0
    assert worker.log().count("has changed since it was imported") == 1


def eventually_refused(worker, run):
    """The host looks once a second: until then a step may still be forked."""

    def refused():
        told = worker.outcome(worker.start("run", **run_order(run, "late")), refuse)
        return told if told["kind"] == "fault" else None

    return eventually(refused)
