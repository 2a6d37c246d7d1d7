"""An interpreter waits for the next step that cannot be forked. That step lives as any other."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
from orders import SUCCESS, events, job_at, run_order, terminal_events
from processes import alive, parent_of
from worker_double import CODE, LOCATION, eventually

from dagster_taskiq.host.base.interpreters import IDLE_SECONDS, Interpreters
from dagster_taskiq.host.child.exit import leave_now
from dagster_taskiq.host.supervise.fork import fork_process
from dagster_taskiq.host.wire.orders import order_from

SPAWN = {"taskiq/isolation": "spawn"}


def waiting_below(worker):
    """Return the pid of the interpreter that waits below the base, if there is one."""
    base = worker.process.pid
    children = Path(f"/proc/{base}/task/{base}/children").read_text().split()
    steps = {frame["pid"] for frame in worker.seen if frame["type"] == "started"}
    for pid in set(map(int, children)) - steps:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"dagster_taskiq.host.spawned" in words and alive(pid):
            return pid
    return None


class Spawns:
    """Runs jobs of one step in interpreters of one host."""

    def __init__(self, worker, create_run):
        self.worker, self.create_run = worker, create_run

    def start(self, job, config=None, recon=None, tags=(), **fields):
        run = self.create_run(job, config=config, recon=recon)
        tags = {**SPAWN, **dict(tags)}
        return run, self.worker.start("run", **run_order(run, job, tags=tags, **fields))

    def pid(self, *args, **fields):
        """Run it; return the pid of its process, and check that it succeeds."""
        _, order = self.start(*args, **fields)
        assert self.worker.outcome(order)["kind"] == "success"
        return self.worker.await_frame("started", order)["pid"]

    def waiting(self):
        """Return the pid of an interpreter that waits; run a step to have one, if need be."""
        if waiting_below(self.worker) is None:
            self.pid("greet")
        return eventually(lambda: waiting_below(self.worker))


@pytest.fixture(scope="module")
def host(start_worker):
    host = start_worker(*LOCATION)
    host.await_frame("ready")
    return host


@pytest.fixture
def spawns(host, create_run):
    return Spawns(host, create_run)


@pytest.fixture
def own(start_worker, create_run):
    """Steps of a host that the test may end."""
    host = start_worker(*LOCATION)
    host.await_frame("ready")
    return Spawns(host, create_run)


def test_no_interpreter_waits_before_a_step_has_asked_for_one(own):
    own.worker.finish(own.worker.start("probe", run_id=None))
    assert waiting_below(own.worker) is None


def test_the_next_step_runs_in_the_interpreter_that_waited_as_it_would_in_a_new_one(
    spawns, host, instance
):
    waiting = spawns.waiting()
    run, order = spawns.start("greet", tags={"taskiq/note": "x" * 900_000})
    frames = host.finish(order)
    assert frames[0]["pid"] == waiting
    assert [f["type"] for f in frames] == ["started", "capture", "ask", "outcome", "exited"]
    assert (frames[-1]["code"], frames[-1]["signal"], frames[-1]["killed"]) == (0, None, None)
    assert events(instance, run) == SUCCESS
    assert spawns.waiting() != waiting


@pytest.mark.parametrize("is_reaped", [False, True])
def test_an_interpreter_that_dies_while_it_waits_costs_no_step(spawns, host, is_reaped):
    waiting = spawns.waiting()
    if is_reaped:
        os.kill(waiting, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{waiting}").exists())
    else:
        # The base finds the order and the death at once.
        os.kill(host.process.pid, signal.SIGSTOP)
        os.kill(waiting, signal.SIGKILL)
        eventually(lambda: not alive(waiting))
    _, order = spawns.start("greet")
    os.kill(host.process.pid, signal.SIGCONT)
    assert host.outcome(order)["kind"] == "success"
    assert host.await_frame("started", order)["pid"] != waiting


WAYS_TO_END = {
    "timed out": ({"limits": {"timeout_ms": 4_000, "grace_ms": 100}}, "timed_out"),
    "its lease over": ({"within_ms": 6_000}, "expired"),
    "killed": ({}, None),
    "canceled": ({}, "canceled"),
}


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_a_step_that_was_handed_over_ends_as_any_other(spawns, host, instance, tmp_path, way):
    fields, cause = WAYS_TO_END[way]
    waiting, go = spawns.waiting(), tmp_path / "go"
    run, order = spawns.start("waits_for_file", {"file": str(go)}, **fields)
    if cause is None or cause == "canceled":
        eventually(go.with_suffix(".started").exists)
    if cause == "canceled":
        instance.report_run_canceling(run)
    elif cause is None:
        host.send({"type": "kill", "id": order, "signal": "SIGKILL"})
    frames = host.finish(order)
    assert frames[0]["pid"] == waiting
    assert (frames[-1]["killed"] or {}).get("cause") == cause
    assert not alive(waiting)
    ended = ["STEP_FAILURE"] if cause == "canceled" else []
    assert terminal_events(instance, run) == ended


@pytest.mark.parametrize(("mebibytes", "kind"), [(100, "failure"), (400, "success")])
def test_the_memory_limit_counts_from_the_order(spawns, host, mebibytes, kind):
    waiting = spawns.waiting()
    _, order = spawns.start("takes_memory", limits={"memory_bytes": mebibytes << 20})
    assert host.outcome(order)["kind"] == kind
    assert host.await_frame("started", order)["pid"] == waiting


def test_a_waiting_interpreter_has_no_code_that_could_have_changed(spawns, host, tmp_path):
    module = tmp_path / "changes_between.py"
    module.write_text((CODE / "changes_between.py").read_text())
    recon, said = job_at("changes_between", "says_value", tmp_path), tmp_path / "said"
    spawns.pid("says_value", {"file": str(said)}, recon)
    waiting = spawns.waiting()
    module.write_text(module.read_text().replace("VALUE = 1", "VALUE = 22"))
    assert spawns.pid("says_value", {"file": str(said)}, recon) == waiting
    assert said.read_text() == "1\n22\n"


def test_a_file_of_the_project_that_a_waiting_interpreter_has_and_that_changes_restarts_it(
    start_worker, create_run, tmp_path
):
    started, module = tmp_path / "started", tmp_path / "sitecustomize.py"
    module.write_text(f"with open({str(started)!r}, 'a') as file:\n    file.write('old\\n')\n")
    os.utime(module, (1, 1))
    host = start_worker(*LOCATION, env={"PYTHONPATH": str(tmp_path)})
    host.await_frame("ready")
    spawns = Spawns(host, create_run)
    spawns.pid("greet")
    # The host, the step's interpreter, and the one that waits.
    eventually(lambda: started.read_text() == "old\n" * 3)
    waiting = spawns.waiting()
    module.write_text(module.read_text().replace("old", "new"))
    assert spawns.pid("greet") == waiting
    assert started.read_text().splitlines()[3] == "new"


@pytest.mark.parametrize("ends", ["killed", "stopped"])
def test_an_interpreter_that_waits_ends_with_its_host(own, ends):
    waiting = own.waiting()
    assert parent_of(waiting) == own.worker.process.pid
    if ends == "killed":
        own.worker.process.kill()
    else:
        own.worker.send({"type": "stop"})
        own.worker.process.wait(60)
    eventually(lambda: not alive(waiting))


def test_an_interpreter_that_no_step_asks_for_is_ended_once_and_only_a_step_brings_another():
    forked = []

    def fork():
        def wait(channel):
            channel.receive()
            leave_now(0)

        forked.append(fork_process("", wait))
        return forked[-1]

    interpreters = Interpreters(fork)
    interpreters.do_due(0.0)
    assert (len(forked), interpreters.wakes_at()) == (0, math.inf)
    order = order_from({"type": "run", "id": "w1", **run_order("r1", "greet", tags=SPAWN)})
    interpreters.give(order, math.inf, None, None)
    interpreters.do_due(0.0)
    assert len(forked) == 2
    until = interpreters.wakes_at()
    interpreters.do_due(math.nextafter(until, 0))
    assert alive(forked[1].pid)
    interpreters.do_due(until)
    assert os.WTERMSIG(os.waitpid(forked[1].pid, 0)[1]) == signal.SIGKILL
    interpreters.do_due(until + IDLE_SECONDS)
    assert (len(forked), interpreters.wakes_at()) == (2, math.inf)
    os.waitpid(forked[0].pid, 0)


def test_an_interpreter_that_cannot_start_is_started_again_only_for_a_step():
    forked = []

    def fork():
        forked.append(fork_process("", lambda _: leave_now(1)))
        return forked[-1]

    interpreters = Interpreters(fork)
    order = order_from({"type": "run", "id": "w1", **run_order("r1", "greet", tags=SPAWN)})
    for given in (1, 2):
        interpreters.give(order, math.inf, None, None)
        interpreters.do_due(0.0)
        os.waitpid(forked[-1].pid, 0)
        interpreters.lose(forked[-1].pid)
        interpreters.do_due(0.0)
        assert len(forked) == 2 * given
    for each in forked[::2]:
        os.waitpid(each.pid, 0)
