"""One process for each code location: what happens to one costs the others nothing."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from dagster import DagsterRunStatus
from dagster._core.code_pointer import FileCodePointer
from dagster._core.definitions.reconstruct import bootstrap_standalone_recon_job
from orders import engine_messages, run_order, terminal_events
from processes import alive, parent_of
from worker_double import CODE, DEADLINE, LOCATION, eventually, refuse

from dagster_taskiq.host.options import location_origins

DEFINITIONS = """
import os
import time
from pathlib import Path
from dagster import Definitions, job, op

from helpers import NAME

HERE = Path(__file__).parent
FOUND = os.environ.setdefault("LEFT_AT_IMPORT", NAME)
with (HERE / "imports").open("a") as imports:
    imports.write(f"{os.getpid()}\\n")
while (HERE / "hold").exists():
    time.sleep(0.01)

@op
def says():
    (HERE / "said").write_text(f"{NAME} {FOUND}")

@op
def waits():
    (HERE / "waits").write_text(str(os.getppid()))
    while not (HERE / "go").exists():
        time.sleep(0.01)

@job
def says_job():
    says()

@job
def waits_job():
    waits()

defs = Definitions(jobs=[says_job, waits_job])
"""
AT_IMPORT = {
    "exits": "import sys; sys.exit('no licence')",
    "leaves": "import os; os._exit(3)",
    "kills_itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "hangs": "import time; time.sleep(1000)",
}


def make_location(folder, name):
    at = folder / name
    at.mkdir()
    (at / "helpers.py").write_text(f"NAME = {name!r}\n")
    (at / "definitions.py").write_text(DEFINITIONS)
    return at


def workspace_of(folder, names):
    file = folder / "workspace.yaml"
    entries = [
        "  - python_file: {relative_path: %s/definitions.py, location_name: %s,"  # noqa: UP031
        " working_directory: %s}\n" % (name, name, name)
        for name in names
    ]
    file.write_text("load_from:\n" + "".join(entries))
    return file


@pytest.fixture
def create_run_in(create_run, monkeypatch):
    """Create runs as a web server launches them: the record names location and code."""

    def create(at, job="says_job", name: str | None = None, **options):
        pointer = FileCodePointer(str(at / "definitions.py"), job, str(at))
        forget_modules()
        monkeypatch.syspath_prepend(str(at))
        [origin] = location_origins(["-f", str(at / "definitions.py"), "-d", str(at)])
        of_dagster = sys.modules[type(origin).__module__]  # it has moved between versions
        named = of_dagster.ManagedGrpcPythonEnvCodeLocationOrigin(
            origin.loadable_target_origin, name or at.name
        )
        repository = of_dagster.RemoteRepositoryOrigin(named, "__repository__")
        return create_run(
            job,
            recon=bootstrap_standalone_recon_job(pointer),
            remote_job_origin=of_dagster.RemoteJobOrigin(repository, job),
            **options,
        )

    yield create
    # Other tests import modules of these names from elsewhere.
    forget_modules()


def forget_modules():
    for module in ("helpers", "definitions"):
        sys.modules.pop(module, None)


def imports_by_hosts(at):
    """Count them without the test's own."""
    pids = [int(pid) for pid in (at / "imports").read_text().split()]
    return len([pid for pid in pids if pid != os.getpid()])


def test_modules_of_the_same_name_and_variables_never_meet(start_worker, create_run_in, tmp_path):
    names = ("north", "south")
    places = {name: make_location(tmp_path, name) for name in names}
    worker = start_worker("-w", str(workspace_of(tmp_path, names)))
    locations = worker.await_frame("ready")["locations"]
    assert locations == [{"name": name, "error": None} for name in names]
    for name in (*names, *names):
        run = create_run_in(places[name])
        outcome = worker.outcome(worker.start("run", **run_order(run, "says")))
        assert outcome["kind"] == "success", outcome
        assert (places[name] / "said").read_text() == f"{name} {name}"
    assert [imports_by_hosts(places[name]) for name in names] == [1, 1]


def test_a_location_that_cannot_be_imported_costs_the_others_nothing(
    start_worker, create_run_in, instance, tmp_path
):
    names = ("works", *AT_IMPORT)
    places = {name: make_location(tmp_path, name) for name in names}
    runs = {name: create_run_in(places[name]) for name in names}
    for name, code in AT_IMPORT.items():
        (places[name] / "helpers.py").write_text(f"NAME = {name!r}\n{code}\n")
    env = {"PYTHONPATH": str(CODE)}
    flags = ("-w", str(workspace_of(tmp_path, names)))
    worker = start_worker(*flags, program="impatient", env=env)
    orders = {name: worker.start("run", **run_order(run, "says")) for name, run in runs.items()}
    assert worker.outcome(orders["works"])["kind"] == "success"
    ready = {
        outcome["name"]: outcome["error"] for outcome in worker.await_frame("ready")["locations"]
    }
    assert ready["works"] is None
    assert ready["hangs"]["class"] == "StillImporting"
    lost = "the process of code location {} ended ({}) while it was imported"
    took = "code location hangs cannot be imported: its import took longer than 240 s"
    messages = {
        "exits": ("SystemExit", "no licence"),
        "leaves": ("LocationHostLost", lost.format("leaves", "exit code 3")),
        "kills_itself": ("LocationHostLost", lost.format("kills_itself", "signal SIGKILL")),
        "hangs": ("LocationHostLost", took),
    }
    for name, (error, message) in messages.items():
        outcome = worker.outcome(orders[name])
        assert (outcome["kind"], outcome["scope"]) == ("fault", "location")
        assert (outcome["error"]["class"], outcome["error"]["message"]) == (error, message)
        assert message in engine_messages(instance, runs[name])[-1]
        assert terminal_events(instance, runs[name]) == []
    assert "code location hangs: it ran for longer" in worker.log()
    assert str(places["hangs"] / "helpers.py") in worker.log()


def test_a_location_host_that_dies_takes_its_own_steps_along(start_worker, create_run_in, tmp_path):
    names = ("north", "south")
    places = {name: make_location(tmp_path, name) for name in names}
    worker = start_worker("-w", str(workspace_of(tmp_path, names)))
    orders = {}
    for name in names:
        run = create_run_in(places[name], "waits_job")
        orders[name] = worker.start("run", **run_order(run, "waits"))
    hosts = {name: eventually(lambda n=name: read(places[n] / "waits")) for name in names}
    step = worker.await_frame("started", orders["north"])["pid"]

    os.kill(int(hosts["north"]), signal.SIGKILL)
    outcome = worker.outcome(orders["north"])
    assert not alive(step)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "step")
    assert outcome["error"]["class"] == "LocationHostLost"
    assert outcome["error"]["message"] == (
        "the process of code location north ended (signal SIGKILL) with its steps"
    )
    again = worker.start("run", **run_order(create_run_in(places["north"]), "says"))
    assert worker.outcome(again)["kind"] == "success"
    lost, found = [f for f in worker.seen if f["type"] == "location"]
    assert [lost["name"], lost["error"]["class"]] == ["north", "LocationHostLost"]
    assert found == {"type": "location", "name": "north", "error": None, "changed": None}
    (places["south"] / "go").touch()
    assert worker.outcome(orders["south"])["kind"] == "success"


def test_nothing_below_a_location_host_outlives_the_worker(start_worker, create_run, tmp_path):
    worker = start_worker(*LOCATION)
    pids = tmp_path / "pids"
    run = create_run("holds_processes", config={"file": str(pids)})
    order = worker.start("run", **run_order(run, "holds_processes"))
    eventually(pids.exists)
    below = [int(pid) for pid in pids.read_text().split()]
    step = worker.await_frame("started", order)["pid"]
    host = parent_of(step)
    assert host != worker.process.pid
    # Even if it hangs.
    os.kill(host, signal.SIGSTOP)
    worker.hang_up()
    assert worker.process.wait(DEADLINE) == 0
    assert [alive(pid) for pid in (host, *below)] == [False] * 4


def test_a_location_of_runs_alone_is_imported_once_then_kept(
    start_worker, create_run_in, instance, tmp_path
):
    at = make_location(tmp_path, "launched")
    worker = start_worker()
    assert worker.await_frame("ready")["locations"] == []
    for load_data in (True, False, True):
        run = create_run_in(at)
        if load_data:
            run = run._replace(run_id=f"x{run.run_id[1:]}", has_repository_load_data=True)
            instance.add_run(run)
        outcome = worker.outcome(worker.start("run", **run_order(run, "says")))
        assert outcome["kind"] == "success", outcome
    assert imports_by_hosts(at) == 1
    other = create_run_in(at, name="under_another_name")
    assert worker.outcome(worker.start("run", **run_order(other, "says")))["kind"] == "success"
    assert imports_by_hosts(at) == 2
    changes = [(f["name"], f["error"]) for f in worker.seen if f["type"] == "location"]
    assert changes == [("launched", None), ("under_another_name", None)]


def test_orders_that_wait_for_an_import_are_still_obeyed(
    start_worker, create_run_in, instance, tmp_path
):
    at = make_location(tmp_path, "slow")
    runs = [create_run_in(at) for _ in range(5)]
    (at / "hold").touch()
    worker = start_worker()
    canceled, killed, expired, renewed, kept = (
        worker.start("run", **run_order(run, "says", within_ms=within_ms))
        for run, within_ms in zip(runs, (None, None, 200, 200, None), strict=True)
    )
    worker.send({"type": "renew", "id": renewed, "within_ms": 600_000})
    worker.send({"type": "kill", "id": killed, "signal": "SIGKILL"})
    assert [f["type"] for f in worker.finish(killed)] == ["exited"]
    [end] = worker.finish(expired)
    assert (end["type"], end["killed"]["cause"]) == ("exited", "expired")
    instance.report_run_canceling(runs[0])
    assert worker.outcome(canceled)["kind"] == "run_over"
    (at / "hold").unlink()
    for order in (renewed, kept):
        assert worker.outcome(order)["kind"] == "success"


def test_a_run_that_is_over_or_unknown_needs_no_code(start_worker, create_run_in, tmp_path):
    at = make_location(tmp_path, "gone")
    run = create_run_in(at, status=DagsterRunStatus.CANCELED)
    before = imports_by_hosts(at)
    worker = start_worker()
    for run_id, kind in ((run.run_id, "run_over"), ("0" * 32, "unknown_run")):
        outcome = worker.outcome(worker.start("run", **run_order(run_id, "says")), refuse)
        assert outcome["kind"] == kind
    assert imports_by_hosts(at) == before


def test_a_server_in_a_workspace_is_left_out_with_a_warning(start_worker, create_run, tmp_path):
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(
        "load_from:\n"
        f"  - python_module: {{module_name: host_jobs, working_directory: {CODE}}}\n"
        "  - grpc_server: {host: localhost, port: 4266, location_name: elsewhere}\n"
    )
    worker = start_worker("-w", str(workspace))
    assert worker.await_frame("ready")["locations"] == [{"name": "host_jobs", "error": None}]
    assert "code location elsewhere is not Python code to import" in worker.log()
    outcome = worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))
    assert outcome["kind"] == "success"


def read(file):
    return file.read_text() if file.exists() else ""
