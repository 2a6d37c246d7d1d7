"""Whatever user code does to its process, the protocol stands and nothing outlives its time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from orders import run_order, terminal_events
from processes import alive, connections
from worker_double import CODE, DEADLINE, LOCATION, eventually


def test_a_hard_exit_ends_without_an_outcome(worker, instance, create_run):
    run = create_run("prints_then_exits_hard")
    order = worker.start("run", **run_order(run, "prints_then_exits_hard"))
    frames = worker.finish(order)
    assert [f["type"] for f in frames] == ["started", "capture", "exited"]
    assert [frames[-1][name] for name in ("code", "signal", "killed")] == [3, None, None]
    assert Path(frames[1]["stdout"]).read_text() == "last words\n"
    assert terminal_events(instance, run) == []


def test_a_killed_process_ends_without_an_outcome(worker, create_run):
    run = create_run("kills_itself")
    order = worker.start("run", **run_order(run, "kills_itself"))
    frames = worker.finish(order)
    assert [f["type"] for f in frames] == ["started", "capture", "exited"]
    assert [frames[-1][name] for name in ("code", "signal", "killed")] == [None, "SIGKILL", None]


def test_a_death_is_seen_before_the_end_of_its_channel(start_worker, create_run, tmp_path):
    worker = start_worker(*LOCATION, program="exits_first", env={"PYTHONPATH": str(CODE)})
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = worker.start("run", **run_order(run, "waits_for_file"))
    pid = worker.await_frame("started", order)["pid"]
    # So that it sees both at once.
    worker.process.send_signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))
    worker.process.send_signal(signal.SIGCONT)
    assert worker.finish(order)[-1]["signal"] == "SIGKILL"
    outcome = worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))
    assert outcome["kind"] == "success"


@pytest.mark.parametrize("job", ["closes_descriptors", "takes_descriptors"])
def test_a_step_that_closes_its_descriptors_writes_no_event(worker, instance, create_run, job):
    run = create_run(job)
    order = worker.start("run", **run_order(run, job))
    frames = worker.finish(order)
    assert frames[-1]["type"] == "exited"
    assert [f["outcome"]["kind"] for f in frames if f["type"] == "outcome"] == []
    assert terminal_events(instance, run) == []
    # The host is none the worse.
    assert worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))


def test_frames_that_user_code_sends_change_nothing(worker, instance, create_run):
    run = create_run("scribbles")
    outcome = worker.outcome(worker.start("run", **run_order(run, "scribbles")))
    assert outcome["kind"] == "success"
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_step_shares_no_connection_with_the_host_or_its_siblings(worker, create_run, tmp_path):
    orders = []
    for name in ("first", "second"):
        run = create_run("waits_for_file", config={"file": str(tmp_path / name)})
        orders.append(worker.start("run", **run_order(run, "waits_for_file")))
        eventually((tmp_path / f"{name}.started").exists)
    first, second = (worker.await_frame("started", order)["pid"] for order in orders)
    host = worker.process.pid
    assert connections(host) & connections(first) == set()
    assert connections(host) & connections(second) == set()
    assert connections(first) & connections(second) == set()
    assert len(list(Path(f"/proc/{host}/task").iterdir())) == 1
    for name, order in zip(("first", "second"), orders, strict=True):
        (tmp_path / name).touch()
        worker.finish(order)


def test_the_stdin_of_a_step_is_empty(worker, create_run):
    run = create_run("reads_stdin")
    assert worker.outcome(worker.start("run", **run_order(run, "reads_stdin")))["kind"] == "success"


def test_processes_left_behind_are_killed(worker, create_run, tmp_path):
    pids = tmp_path / "pids"
    run = create_run("leaves_processes", config={"file": str(pids)})
    outcome = worker.outcome(worker.start("run", **run_order(run, "leaves_processes")))
    assert outcome["kind"] == "success"
    left = [int(pid) for pid in pids.read_text().split()]
    assert len(left) == 2
    eventually(lambda: not any(map(alive, left)))


def test_a_process_that_left_the_session_ends_with_the_step(worker, create_run, tmp_path):
    pids = tmp_path / "pids"
    run = create_run("leaves_a_family", config={"file": str(pids)})
    order = worker.start("run", **run_order(run, "leaves_a_family"))
    assert worker.outcome(order)["kind"] == "success"
    # Not eventually, because the worker may start the step again once it reads of the end.
    assert [alive(int(pid)) for pid in pids.read_text().split()] == [False] * 3


def test_a_daemon_of_a_step_lives_as_long_as_its_step(worker, create_run, tmp_path):
    pids = tmp_path / "pids"
    run = create_run("hangs_in_c", config={"file": str(pids)})
    order = worker.start("run", **run_order(run, "hangs_in_c"))
    eventually(pids.exists)
    family = [int(pid) for pid in pids.read_text().split()]
    worker.outcome(worker.start("run", **run_order(create_run("greet"), "greet")))
    assert [alive(pid) for pid in family] == [True] * 3  # another step's end is not theirs
    worker.send({"type": "kill", "id": order, "signal": "SIGKILL"})
    worker.finish(order)
    assert [alive(pid) for pid in family] == [False] * 3


def test_a_kill_reaches_every_process_below_the_step(worker, create_run, tmp_path):
    pids = tmp_path / "pids"
    run = create_run("holds_processes", config={"file": str(pids)})
    order = worker.start("run", **run_order(run, "holds_processes"))
    eventually(pids.exists)
    leader, inside, outside = map(int, pids.read_text().split())
    assert worker.await_frame("started", order)["pid"] == leader == os.getpgid(inside)
    worker.send({"type": "kill", "id": order, "signal": "SIGKILL"})
    assert worker.finish(order)[-1]["signal"] == "SIGKILL"
    assert [alive(inside), alive(outside)] == [False, False]


def test_threads_of_the_step_are_waited_for(worker, create_run, tmp_path):
    file = tmp_path / "late"
    run = create_run("leaves_a_thread", config={"file": str(file)})
    order = worker.start("run", **run_order(run, "leaves_a_thread"))
    assert worker.outcome(order)["kind"] == "success"
    assert file.read_text() == "written by a thread after the step"


def test_exit_hooks_of_the_step_are_run(worker, create_run, tmp_path):
    run = create_run("registers_exit_hook", config={"file": str(tmp_path / "hook")})
    worker.outcome(worker.start("run", **run_order(run, "registers_exit_hook")))
    assert (tmp_path / "hook").read_text() == "written at exit"


@pytest.fixture
def held(start_worker, create_run, tmp_path):
    """A host with one step in flight that has a process in its group and one out of it."""
    worker = start_worker(*LOCATION)
    pids = tmp_path / "pids"
    run = create_run("holds_processes", config={"file": str(pids)})
    worker.start("run", **run_order(run, "holds_processes"))
    eventually(pids.exists)
    return worker, [int(pid) for pid in pids.read_text().split()]


def test_no_process_outlives_the_worker(held):
    worker, pids = held
    assert all(map(alive, pids))
    worker.hang_up()
    assert worker.process.wait(DEADLINE) == 0
    eventually(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("flags", [[], LOCATION])
def test_no_process_outlives_a_killed_worker(home, create_run, tmp_path, flags):
    pids = tmp_path / "pids"
    run = create_run("holds_processes", config={"file": str(pids)})
    order = json.dumps(run_order(run, "holds_processes"))
    script = str(CODE / "worker_to_kill.py")
    with subprocess.Popen([sys.executable, script, str(home), order, *flags]) as killed:
        eventually(pids.exists)
        left = [int(pid) for pid in pids.read_text().split()]
        assert all(map(alive, left))
        killed.kill()
    eventually(lambda: not any(map(alive, left)))


def test_the_lifeline_kills_the_group_at_the_hosts_end():
    # What stands in where the kernel does not kill children with their parent.
    script = """
import os, signal
from dagster_taskiq.host.child.lifeline import Lifeline
lifeline = Lifeline()
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    lifeline.watch()
    print(os.getpid(), flush=True)
    while True:
        signal.pause()
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert alive(pid)
        host.kill()
    eventually(lambda: not alive(pid))


def test_no_step_process_outlives_the_host(held):
    worker, (leader, inside, outside) = held
    worker.process.kill()
    eventually(lambda: not alive(leader))
    # Its descendants are the worker's to kill: it knows the group from `started`.
    # The location host, which outlives the base for a moment, may have been faster.
    for pid in (inside, outside):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_host_leaves_signals_to_the_worker(start_worker, create_run, tmp_path):
    worker = start_worker(*LOCATION)
    worker.await_frame("ready")
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")})
    order = worker.start("run", **run_order(run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        worker.process.send_signal(number)
    (tmp_path / "go").touch()
    assert worker.outcome(order)["kind"] == "success"


def test_the_worker_may_die_while_a_step_waits_for_its_permit(start_worker, instance, create_run):
    worker = start_worker(*LOCATION)
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet"))
    worker.await_frame("ask", order)
    pid = worker.await_frame("started", order)["pid"]
    worker.hang_up()
    assert worker.process.wait(DEADLINE) == 0
    eventually(lambda: not alive(pid))
    assert terminal_events(instance, run) == []
