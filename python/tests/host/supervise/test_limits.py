"""Limits on real steps: how they end, what they may record, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from orders import events, run_order, terminal_events
from processes import alive, parent_of
from worker_double import LOCATION, eventually

# The op has begun when its output is captured, and says nothing more.
SILENT = {"silence_ms": 1_000, "grace_ms": 10_000}
HANGING = {"silence_ms": 1_000, "grace_ms": 100}


def captured(frames, stream):
    [capture] = [f for f in frames if f["type"] == "capture"]
    return Path(capture[stream])


def ended_by(frames):
    assert [f for f in frames if f["type"] in ("ask", "outcome")] == []
    return frames[-1]["killed"]["cause"]


def test_a_step_that_hangs_in_a_c_call_shows_where_and_dies_with_its_family(
    worker, instance, create_run, tmp_path
):
    pids = tmp_path / "pids"
    run = create_run("hangs_in_c", config={"file": str(pids)})
    order = worker.start("run", **run_order(run, "hangs_in_c", limits=HANGING))
    frames = worker.finish(order)
    assert [alive(int(pid)) for pid in pids.read_text().split()] == [False] * 3
    assert ended_by(frames) == "silent"
    assert frames[-1]["signal"] == "SIGKILL"
    log = captured(frames, "stderr").read_text()
    heading = "taskiq ends the step: it wrote no event and no output for 1 s; it is doing this"
    assert log.index(heading) < log.index("most recent call first") < log.index("in hangs_in_c")
    assert terminal_events(instance, run) == []


@pytest.mark.parametrize("job", ["waits_for_file", "waits_with_policy"])
def test_an_interrupted_step_may_not_record_the_interrupt(
    worker, instance, create_run, tmp_path, job
):
    run = create_run(job, config={"file": str(tmp_path / "go")})
    frames = worker.finish(worker.start("run", **run_order(run, job, limits=SILENT)))
    assert ended_by(frames) == "silent"
    assert frames[-1]["code"] == 75
    assert terminal_events(instance, run) == []


def test_a_step_that_finishes_when_interrupted_keeps_its_success(worker, instance, create_run):
    run = create_run("finishes_when_interrupted")
    order = run_order(run, "finishes_when_interrupted", limits=SILENT)
    assert worker.outcome(worker.start("run", **order))["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_timed_out_step_ends_without_an_outcome(worker, instance, create_run, tmp_path):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = run_order(run, "waits_for_file", limits={"timeout_ms": 1_000, "grace_ms": 100})
    frames = worker.finish(worker.start("run", **order))
    assert frames[-1]["killed"] == {
        "cause": "timed_out",
        "message": "it ran for longer than 1 s",
    }
    assert terminal_events(instance, run) == []


def test_events_alone_are_signs_of_life(worker, create_run, tmp_path):
    run = create_run("tells_dagster_alone", config={"file": str(tmp_path)})
    order = run_order(run, "tells_dagster_alone", limits={"silence_ms": 1_500, "grace_ms": 100})
    assert worker.outcome(worker.start("run", **order))["kind"] == "success"


def test_a_step_that_waits_for_its_permit_has_finished(worker, instance, create_run, tmp_path):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet", limits=HANGING))
    worker.await_frame("ask", order)
    other = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order_of_other = run_order(other, "waits_for_file", limits=HANGING)
    assert ended_by(worker.finish(worker.start("run", **order_of_other))) == "silent"
    assert worker.outcome(order)["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_flood_of_output_is_stopped(worker, instance, create_run):
    run = create_run("floods")
    limits = {"output_bytes": 5_000_000, "grace_ms": 60_000}
    frames = worker.finish(worker.start("run", **run_order(run, "floods", limits=limits)))
    assert ended_by(frames) == "output"
    assert "in floods" in captured(frames, "stderr").read_text()
    assert captured(frames, "stdout").stat().st_size > 5_000_000
    assert terminal_events(instance, run) == []


def test_a_fork_bomb_is_stopped(worker, create_run, tmp_path):
    pids = tmp_path / "pids"
    run = create_run("bombs", config={"file": str(pids)})
    limits = {"processes": 20, "grace_ms": 60_000}
    frames = worker.finish(worker.start("run", **run_order(run, "bombs", limits=limits)))
    assert ended_by(frames) == "processes"
    assert [pid for pid in pids.read_text().split() if alive(int(pid))] == []


@pytest.mark.parametrize(("mebibytes", "kind"), [(100, "failure"), (400, "success")])
def test_the_memory_limit_counts_above_the_hosts_own(worker, create_run, mebibytes, kind):
    limits = {"memory_bytes": mebibytes << 20}
    run = create_run("takes_memory")
    outcome = worker.outcome(worker.start("run", **run_order(run, "takes_memory", limits=limits)))
    assert outcome["kind"] == kind
    if kind == "failure":
        assert outcome["error"]["class"] == "MemoryError"


def test_a_step_lives_no_longer_than_the_worker_says(worker, instance, create_run, tmp_path):
    orders, runs = {}, {}
    for name in ("forgotten", "renewed"):
        runs[name] = create_run("waits_for_file", config={"file": str(tmp_path / name)})
        order = run_order(runs[name], "waits_for_file", within_ms=3_000)
        orders[name] = worker.start("run", **order)
    for within_ms in (600_000, 100):  # it only ever prolongs
        worker.send({"type": "renew", "id": orders["renewed"], "within_ms": within_ms})
    frames = worker.finish(orders["forgotten"])
    assert frames[-1]["signal"] == "SIGKILL"
    assert ended_by(frames) == "expired"
    # The recorder writes it for the renewed step only, before that step ends.
    assert eventually(lambda: "STEP_START" in events(instance, runs["renewed"]))
    assert "STEP_START" not in events(instance, runs["forgotten"])
    (tmp_path / "renewed").touch()
    assert worker.outcome(orders["renewed"])["kind"] == "success"


def test_a_permit_outlives_no_term(worker, instance, create_run):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet", within_ms=60_000))
    worker.await_frame("ask", order)
    # On a busy machine the shorter terms are over before the step asks.
    for within_ms in (2_000, 8_000, 32_000, 128_000):
        run = create_run("greet")
        asking = worker.start("run", **run_order(run, "greet", within_ms=within_ms))
        assert worker.await_frame("exited", asking)["killed"]["cause"] == "expired"
        assert terminal_events(instance, run) == []
        if any(frame["type"] == "ask" and frame["id"] == asking for frame in worker.seen):
            break
    else:
        pytest.fail("no step asked before its term was over")
    assert worker.outcome(order)["kind"] == "success"


def test_a_term_does_not_run_while_the_host_has_nothing_to_do(start_worker, create_run):
    worker = start_worker(*LOCATION)
    worker.await_frame("ready")
    term_ms = 8_000
    idle_until = time.monotonic() + term_ms / 1000
    run = create_run("greet")
    eventually(lambda: time.monotonic() > idle_until)
    order = worker.start("run", **run_order(run, "greet", within_ms=term_ms))
    assert worker.outcome(order)["kind"] == "success"


def test_a_late_renewal_counts_from_when_it_may_have_been_sent(
    start_worker, instance, create_run, tmp_path
):
    worker = start_worker(*LOCATION)
    worker.await_frame("ready")
    # Long enough for both steps to have begun before the first term ends, on a busy machine too.
    term_ms = 8_000
    renewals = {"in_time": 600_000, "stale": term_ms}
    orders = {}
    for name in renewals:
        run = create_run("waits_for_file", config={"file": str(tmp_path / name)})
        order = run_order(run, "waits_for_file", within_ms=term_ms)
        orders[name] = worker.start("run", **order)
        worker.await_frame("started", orders[name])
    # A location host that stands still neither reads nor kills.
    [host] = {parent_of(worker.await_frame("started", order)["pid"]) for order in orders.values()}
    os.kill(host, signal.SIGSTOP)
    terms_end_at = time.monotonic() + term_ms / 1000
    for name, within_ms in renewals.items():
        worker.send({"type": "renew", "id": orders[name], "within_ms": within_ms})
    eventually(lambda: time.monotonic() > terms_end_at)
    os.kill(host, signal.SIGCONT)
    assert worker.finish(orders["stale"])[-1]["killed"]["cause"] == "expired"
    (tmp_path / "in_time").touch()
    assert worker.outcome(orders["in_time"])["kind"] == "success"


NOBODY = 65534


def test_the_kernel_bounds_processes_and_core_files():
    # In a process of its own: limits cannot be raised again. Root would be exempt.
    script = f"""
import os, resource, signal
from dagster_taskiq.host.child import rlimits
from dagster_taskiq.host.wire.limits import Limits
if os.getuid() == 0:
    os.setuid({NOBODY})
rlimits._LEAST_TASKS = 0
rlimits.lower_limits(Limits(processes=1))
forked = []
try:
    while len(forked) < 100:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        forked.append(pid)
except BlockingIOError:
    print("bounded", resource.getrlimit(resource.RLIMIT_CORE))
finally:
    for pid in forked:
        os.kill(pid, signal.SIGKILL)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "bounded (0, 0)\n", ran.stderr
