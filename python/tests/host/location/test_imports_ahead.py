"""The location host imports once what steps import besides their code, if it does no harm."""

from __future__ import annotations

import pytest
from orders import job_at, run_order
from worker_double import CODE, eventually

AHEAD = "modules that a step imported are imported ahead from now on"

# Each notes who imports it: first the process of a step, later a trial and the location host.
NOTES = """
import os
from pathlib import Path
NOTED = Path(__file__).with_suffix(".noted")
IS_FIRST = not NOTED.exists()
with NOTED.open("a") as noted:
    noted.write(f"{os.getpid()}\\n")
"""
MODULES = {
    "harmless": "",
    "starts_a_thread": """
import threading
threading.Thread(target=threading.Event().wait, daemon=True, name="late").start()
""",
    "opens_a_connection": """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
""",
    "fails": "if not IS_FIRST: raise ValueError('only once')",
    "exits": "if not IS_FIRST: raise SystemExit(3)",
    "dies": "if not IS_FIRST: os._exit(3)",
    "hangs": "import time\nif not IS_FIRST: time.sleep(3600)",
    "sets_a_variable": "os.environ['SET_LATE'] = '1'",
    "changes_directory": "os.chdir('/')",
    "handles_a_signal": "import signal\nsignal.signal(signal.SIGUSR1, print)",
    "last": "",
}


@pytest.fixture
def packages(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for name, body in MODULES.items():
        (folder / f"{name}.py").write_text(NOTES + body)
    return folder


@pytest.fixture
def start(start_worker, packages):
    """Return a function that starts a worker whose op imports these modules."""

    def start(names, *flags, **variables):
        env = {"MODULES": " ".join(names), "PYTHONPATH": str(packages), **variables}
        worker = start_worker("-m", "imports_late", "-d", str(CODE), *flags, env=env)
        worker.await_frame("ready")
        return worker

    return start


@pytest.fixture
def had(create_run, tmp_path):
    """Return a function that runs the step; it returns the modules that its process had."""

    def had(worker, outcome="success"):
        file = tmp_path / "had"
        recon = job_at("imports_late", "imports")
        run = create_run("imports", config={"file": str(file)}, recon=recon)
        ended = worker.outcome(worker.start("run", **run_order(run, "imports")))
        assert ended["kind"] == outcome, ended
        return file.read_text().split()

    return had


def test_a_later_step_has_what_the_first_imported_except_what_would_do_harm(start, had):
    worker = start(MODULES)
    assert had(worker) == []
    eventually(lambda: AHEAD in worker.log())
    assert had(worker, "failure") == ["harmless", "last"]
    log = worker.output.read_text()
    assert "hangs (not imported within 3 s)" in log
    assert "thread late" in log
    assert "fails (ValueError('only once'))" in log
    assert not [frame for frame in worker.seen if frame["type"] == "location"]


def test_the_host_imports_each_module_once(start, had, packages):
    worker = start(["harmless", "last"])
    for _ in range(3):
        had(worker)
        eventually(lambda: AHEAD in worker.log())
    for name in ("harmless", "last"):
        _step, _trial, host = (packages / f"{name}.noted").read_text().split()
        assert host


def test_nothing_is_imported_ahead_if_it_is_switched_off(start, had, packages):
    worker = start(["harmless"], "--no-import-ahead")
    assert [had(worker) for _ in range(2)] == [[], []]
    assert len((packages / "harmless.noted").read_text().split()) == 2


def test_a_module_of_the_project_is_imported_by_each_step(start, had, tmp_path):
    (tmp_path / "of_project.py").write_text(NOTES)
    path = f"{tmp_path}:{tmp_path / 'site-packages'}"
    worker = start(["of_project", "harmless"], PYTHONPATH=path)
    had(worker)
    eventually(lambda: AHEAD in worker.log())
    assert had(worker) == ["harmless"]


def test_names_that_a_step_makes_up_do_no_harm(start, had):
    worker = start(["last"], SPEAKS="1")
    had(worker)
    eventually(lambda: AHEAD in worker.log())
    assert had(worker) == ["last"]
