"""The code locations of the flags: imported once, each for itself, and again when they change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.code_pointer import FileCodePointer
from dagster._core.definitions.reconstruct import bootstrap_standalone_recon_job
from orders import engine_messages, events, job_at, report_order, run_order, terminal_events
from worker_double import CODE, DEADLINE, LOCATION, eventually, refuse

from dagster_taskiq.host.options import location_origins
from dagster_taskiq.supported_dagster import why_unsupported

WHOLE = """
from dagster import job, op

@op
def late():
    return 1

@job
def late_job():
    late()
"""
CHANGING = """
import time
from pathlib import Path
from dagster import Definitions, job, op

SAYS = "{says}"
FILE = Path("{file}")

@op
def waits():
    FILE.with_suffix(".started").touch()
    while not FILE.exists():
        time.sleep(0.01)
    FILE.with_suffix(".ended").write_text(SAYS)

@op
def says():
    Path("{said}").write_text(SAYS)

@job
def waits_job():
    waits()

@job
def says_job():
    says()

defs = Definitions(jobs=[waits_job, says_job])
"""
BROKEN = "import sys; sys.exit('no licence for this machine')"


@pytest.fixture(scope="module")
def location(tmp_path_factory):
    return tmp_path_factory.mktemp("location") / "late_location.py"


@pytest.fixture(scope="module")
def late_job(location):
    location.write_text(WHOLE)
    recon = job_at(location.stem, "late_job", location.parent)
    recon.get_definition()  # from now on in this process, whatever the file says
    return recon


@pytest.fixture(scope="module")
def worker(start_worker, location, late_job):
    location.write_text(BROKEN)
    flags = ("-m", location.stem, "-d", str(location.parent))
    return start_worker(*flags)


@pytest.fixture
def run(create_run, late_job):
    return create_run("late_job", recon=late_job)


def test_ready_names_a_location_that_cannot_be_imported(worker, location):
    [location_frame] = worker.await_frame("ready")["locations"]
    assert location_frame["name"] == location.stem
    assert (location_frame["error"]["class"], location_frame["error"]["message"]) == (
        "SystemExit",
        "no licence for this machine",
    )


def test_steps_of_a_broken_location_fault_and_say_why_in_the_run(worker, instance, run):
    outcome = worker.outcome(worker.start("run", **run_order(run, "late")), refuse)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "location")
    assert outcome["error"]["class"] == "SystemExit"
    assert terminal_events(instance, run) == []
    assert engine_messages(instance, run)[-1].startswith("Step late could not be started: cannot")


def test_a_probe_with_a_run_of_a_broken_location_says_why(worker, instance, run):
    outcome = worker.outcome(worker.start("probe", run_id=run.run_id), refuse)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "location")
    assert outcome["error"]["message"] == "no licence for this machine"
    assert events(instance, run) == []


def test_a_probe_without_a_run_passes_beside_a_broken_location(worker):
    assert worker.outcome(worker.start("probe", run_id=None), refuse)["kind"] == "probed"


def test_steps_of_a_broken_location_can_still_be_reported(worker, instance, run):
    outcome = worker.outcome(worker.start("report", **report_order(run, "late")))
    assert outcome["kind"] == "reported"
    assert terminal_events(instance, run) == ["STEP_FAILURE"]


def test_a_broken_location_leaves_other_locations_alone(worker, create_run):
    outcome = worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))
    assert outcome["kind"] == "success"


def test_each_change_of_a_location_is_reported_once(
    worker, instance, create_run, run, late_job, location
):
    def outcome():
        late = create_run("late_job", recon=late_job)
        return worker.outcome(worker.start("run", **run_order(late, "late")))

    def changes():
        frames = [f for f in worker.seen if f["type"] == "location"]
        mine = [f for f in frames if f["name"] == location.stem]
        return [f["error"] and f["error"]["class"] for f in mine]

    worker.await_frame("ready")
    assert changes() == []  # `ready` has said so
    location.write_text(WHOLE)
    assert eventually(lambda: outcome()["kind"] == "success")
    assert changes() == [None]
    for probe in ({"run_id": run.run_id}, {"run_id": None}):
        assert worker.outcome(worker.start("probe", **probe), refuse)["kind"] == "probed"
    # A change of the code is seen within a second, and costs one import.
    location.write_text("def broken(:")
    refused = eventually(lambda: (o := outcome())["kind"] == "fault" and o)
    assert (refused["scope"], refused["error"]["class"]) == ("location", "SyntaxError")
    for _ in range(2):
        assert outcome()["error"]["class"] == "SyntaxError"
    assert changes() == [None, "SyntaxError"]
    # Without an order: a worker whose only location is broken receives nothing.
    location.write_text(WHOLE)
    while len(changes()) < 3:
        worker.read()
    assert changes() == [None, "SyntaxError", None]
    assert outcome()["kind"] == "success"
    assert worker.process.poll() is None


def test_a_job_in_a_file_is_run(worker, create_run):
    pointer = FileCodePointer(str(CODE / "host_jobs.py"), "greet", str(CODE))
    run = create_run("greet", recon=bootstrap_standalone_recon_job(pointer))
    outcome = worker.outcome(worker.start("run", **run_order(run, "greet")))
    assert outcome["kind"] == "success"


def test_wrong_flags_are_fatal(start_worker):
    worker = start_worker("-m", "host_jobs", "--grpc-port", "4000", fresh=True)
    assert worker.await_frame("fatal") == {
        "type": "fatal",
        "code": "USAGE",
        "message": "a step's process imports its code itself: expected -m, -f or -w"
        " (got: -m host_jobs --grpc-port 4000)",
        "error": None,
    }
    assert worker.process.wait(DEADLINE) == 1


def test_a_dagster_that_is_not_supported_is_fatal(start_worker):
    old = str(Path(__file__).parents[4] / "fixtures" / "old_dagster")
    worker = start_worker(*LOCATION, env={"PYTHONPATH": old})
    assert worker.await_frame("fatal") == {
        "type": "fatal",
        "code": "DAGSTER_VERSION",
        "message": why_unsupported("1.9.13"),
        "error": None,
    }
    assert worker.process.wait(DEADLINE) == 1


def test_an_instance_that_cannot_be_opened_is_fatal(start_worker, tmp_path):
    env = {"DAGSTER_HOME": str(tmp_path / "missing")}
    worker = start_worker(*LOCATION, fresh=True, env=env)
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
def says():
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
                "says",
                recon=job_at(module, "says", tmp_path),
                instance=instance,
                remote_job_origin=of_dagster.RemoteJobOrigin(repository, "says"),
            )

        yield create


def test_each_location_is_imported_once_and_has_its_own_variables(
    start_worker, create_run_at, tmp_path
):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(TELLING)
    flags = ("-m", "one", "-m", "two", "-d", str(tmp_path))
    worker = start_worker(*flags, at=tmp_path, env={"PYTHONPATH": str(CODE)})
    names = [location["name"] for location in worker.await_frame("ready")["locations"]]
    assert names == ["one", "two"]
    for name in ("one", "two", "one"):
        outcome = worker.outcome(worker.start("run", **run_order(create_run_at(name), "tell")))
        assert outcome["kind"] == "success"
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
    [location_frame] = worker.await_frame("ready")["locations"]
    assert location_frame["error"]["class"] == "OtherInterpreter"
    assert location_frame["error"]["message"].startswith(
        "it needs the Python /opt/other/bin/python, and this worker"
    )


def test_changed_code_is_imported_again_beside_running_steps_of_the_old(
    start_worker, create_run, tmp_path
):
    module = tmp_path / "changing.py"
    file = tmp_path / "go"
    said = tmp_path / "said"
    code = CHANGING.format(file=str(file), said=str(said), says="old")
    module.write_text(code)
    worker = start_worker("-m", "changing", "-d", str(tmp_path))
    worker.await_frame("ready")
    waits, says_recon = (job_at("changing", job, tmp_path) for job in ("waits_job", "says_job"))
    held = worker.start("run", **run_order(create_run("waits_job", recon=waits), "waits"))
    eventually(file.with_suffix(".started").exists)

    def says():
        order = run_order(create_run("says_job", recon=says_recon), "says")
        assert worker.outcome(worker.start("run", **order))["kind"] == "success"
        return said.read_text()

    assert says() == "old"
    module.write_text(code.replace('"old"', '"newer"'))
    assert eventually(lambda: says() == "newer")
    [reloaded] = [f for f in worker.seen if f["type"] == "location"]
    assert reloaded == {
        "type": "location",
        "name": "changing",
        "error": None,
        "changed": str(module),
    }
    file.touch()
    assert worker.outcome(held)["kind"] == "success"
    assert file.with_suffix(".ended").read_text() == "old"
    assert worker.process.poll() is None


def test_jobs_and_assets_are_counted_on_demand(start_worker):
    counted = start_worker(*LOCATION, "--count").await_frame("ready")["locations"][0]
    assert (counted["jobs"] > 0, counted["assets"] > 0) == (True, True)
    location_frame = start_worker(*LOCATION).await_frame("ready")["locations"][0]
    assert set(location_frame) & {"jobs", "assets"} == set()
