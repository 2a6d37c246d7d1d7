"""What user code says on its process's channel costs its own step at most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from orders import job_at, run_order, terminal_events
from processes import alive
from worker_double import CODE, eventually

LIES = job_at("hostile_jobs", "lies")
FLOOD = [
    '{"type":"ask","event":"STEP_SUCCESS"}',
    '{"type":"capture","stdout":"/dev/zero","stderr":"/dev/zero"}',
    '{"type":"event"}',
    '{"type":"outcome","outcome":{"kind":"success","result":null}}',
    '{"type":"permit","granted":true,"within_ms":null}',
    "not a frame \x1b[2J",
]


@pytest.fixture(scope="module")
def hostile(start_worker):
    worker = start_worker("-m", "hostile_jobs", "-m", "host_jobs", "-d", str(CODE))
    worker.await_frame("ready")
    return worker


@pytest.fixture
def start_lying(hostile, create_run):
    def start(*lines: str, files: tuple[str, ...] = (), then: str = "go on", **order: Any):
        said = {"lines": list(lines), "files": list(files), "then": then}
        run = create_run("lies", config=said, recon=LIES)
        return run, hostile.start("run", **run_order(run, "lies", **order))

    return start


def test_a_flood_of_frames_keeps_no_other_step_waiting(hostile, start_lying, create_run, instance):
    floods = [start_lying(*FLOOD, then="say it again", within_ms=600_000) for _ in range(2)]
    for _, order in floods:
        hostile.await_frame("capture", order)
    for run in [create_run("greet") for _ in range(3)]:
        frames = hostile.finish(hostile.start("run", **run_order(run, "greet")))
        assert frames[-2]["outcome"]["kind"] == "success"
    for run, order in floods:
        hostile.send({"type": "kill", "id": order, "signal": "SIGKILL"})
        frames = hostile.finish(order)
        kinds = [frame["type"] for frame in frames]
        # The recorder asks, and knows the outcome: what the process says of both is ignored.
        assert [kinds.count(kind) for kind in ("capture", "ask", "outcome")] == [1, 0, 0]
        assert terminal_events(instance, run) == []
    assert hostile.log().count("(logged once for each process)") == 2
    assert "\x1b" not in hostile.log()


def test_a_flood_ends_with_the_lease(hostile, start_lying):
    _, order = start_lying(*FLOOD, then="say it again", within_ms=1_000)
    ended = hostile.finish(order)[-1]
    assert ended["killed"]["cause"] == "expired"


def test_a_line_without_end_is_bounded_and_costs_itself_alone(hostile, start_lying, tmp_path):
    giant = tmp_path / "giant"
    giant.write_bytes(b'{"type":"outcome","outcome":' + b"[" * 12_000_000 + b"\n")
    _, order = start_lying(files=(str(giant),))
    assert hostile.outcome(order)["kind"] == "success"
    status = Path(f"/proc/{hostile.process.pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0])
    assert peak < 400_000


def test_steps_end_with_their_lease_while_the_worker_stands_still(
    hostile, start_lying, create_run, tmp_path
):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "never")})
    waiting = hostile.start("run", **run_order(run, "waits_for_file", within_ms=3_000))
    pid = hostile.await_frame("started", waiting)["pid"]
    # Its outcome is more than the socket holds, and is not read.
    forged = {"kind": "fault", "scope": "step", "result": None, "error": "x" * 1_000_000}
    said = tmp_path / "said"
    said.write_text(json.dumps({"type": "outcome", "outcome": forged}) + "\n")
    _, order = start_lying(files=(str(said),), then="die")
    eventually(lambda: not alive(pid))
    assert hostile.outcome(order)["error"] == forged["error"]


def test_a_location_host_cannot_have_other_files_followed(start_worker, create_run, home):
    worker = start_worker("-m", "lying_location", "-d", str(CODE))
    worker.await_frame("ready")
    run = create_run("lies_about_it", recon=job_at("lying_location", "lies_about_it"))
    frames = worker.finish(worker.start("run", **run_order(run, "lied_about")))
    kinds = [frame["type"] for frame in frames]
    assert kinds.count("ask") == 1
    captures = [frame for frame in frames if frame["type"] == "capture"]
    assert all(frame["folder"] == str(home / "storage") for frame in captures)
    assert all(frame["stdout"].startswith(frame["folder"]) for frame in captures)
    assert frames[-2]["outcome"]["kind"] == "success"
