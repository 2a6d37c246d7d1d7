"""The end of a step process is Python's end; nothing that its siblings still have is taken away."""

from __future__ import annotations

import sys

import pytest
from orders import job_at, run_order
from worker_double import CODE, DEADLINE

MARKS = {
    "finalizer of multiprocessing",
    "finalizer of the step",
    "hook of the import",
    "hook of the step",
    "log handler of the step",
    "thread",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def own_host(start_worker, lab):
    worker = start_worker("-m", "ends_well", "-d", str(CODE), env={"LAB": str(lab)})
    worker.await_frame("ready")
    return worker


@pytest.fixture
def create(create_run, lab, monkeypatch, tmp_path):
    monkeypatch.setenv("LAB", str(tmp_path))  # the test imports the code, too
    yield lambda: create_run("ends_well", recon=job_at("ends_well", "ends_well"))
    sys.modules.pop("ends_well", None)


def names(lab, prefix):
    return [path.name for path in lab.iterdir() if path.name.startswith(prefix)]


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_step_process_does_everything_that_python_does_at_its_end(
    own_host, lab, create, isolation
):
    (lab / "marks").unlink(missing_ok=True)
    (lab / "file").write_text("")
    for _ in range(2):
        order = run_order(create(), "uses_them", tags={"taskiq/isolation": isolation})
        frames = own_host.finish(own_host.start("run", **order))
        assert frames[-2]["outcome"]["kind"] == "success", frames[-2]
        assert (frames[-1]["code"], frames[-1]["killed"]) == (0, None)
    marks = (lab / "marks").read_text().splitlines()
    assert sorted(marks) == sorted([*MARKS, *MARKS])
    assert (lab / "file").read_text() == "buffered\n" * 2
    assert names(lab, "step") == []
    assert "a hook that fails" in own_host.log()


def test_temporary_files_of_the_import_are_removed_with_the_host(own_host, lab):
    assert len(names(lab, "import")) == 3
    own_host.send({"type": "stop"})
    assert own_host.process.wait(DEADLINE) == 0
    assert names(lab, "import") == []
