"""A process runs several steps of its run, and none of them meets what another has left."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from orders import events, job_at, run_order, terminal_events
from processes import alive, parent_of
from worker_double import CODE, eventually, refuse

RECYCLED = ("-m", "recycled_jobs", "-d", str(CODE), "--steps-per-process", "3")


@pytest.fixture(scope="module")
def worker(start_worker):
    worker = start_worker(*RECYCLED)
    worker.await_frame("ready")
    return worker


@pytest.fixture
def several(create_run):
    """Return a function that makes a run; it takes what each step does, by the step's letter."""

    def make(**deeds):
        ops = {
            letter: {"config": deed if isinstance(deed, dict) else {"do": deed}}
            for letter, deed in deeds.items()
        }
        return create_run("several", ops=ops, recon=job_at("recycled_jobs", "several"))

    return make


def children(pid, name):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found if Path(f"/proc/{each}/comm").read_text() == f"{name}\n"]


class Steps:
    """Runs the steps of one run, one after the other."""

    def __init__(self, worker, run, **fields):
        self.worker, self.run, self.fields = worker, run, fields

    def start(self, letter, **fields):
        return self.worker.start("run", **run_order(self.run, letter, **self.fields, **fields))

    def pid(self, letter, **fields):
        """Run it; return the pid of its process, and check that it succeeds."""
        order = self.start(letter, **fields)
        assert self.worker.outcome(order)["kind"] == "success"
        return self.worker.await_frame("started", order)["pid"]

    def end(self, letter, **fields):
        """Run it, however it ends; return its frames."""
        return self.worker.finish(self.start(letter, **fields))


def test_a_process_runs_as_many_steps_as_it_may_and_another_takes_over(worker, several):
    steps = Steps(worker, several())
    pids = [steps.pid(letter) for letter in "abcdef"]
    assert [len(set(pids[:3])), len(set(pids[3:])), len(set(pids))] == [1, 1, 2]
    # The last step of a process ends with it.
    assert not alive(pids[0])


def test_each_step_reports_and_records_what_a_step_in_a_fork_does(worker, several, instance):
    run = several()
    reused = [[f["type"] for f in Steps(worker, run).end(letter)] for letter in "ab"]
    assert reused == [["started", "capture", "ask", "outcome", "exited"]] * 2
    recorded = [events(instance, run, letter) for letter in "ab"]
    assert recorded[0] == recorded[1]
    assert events(instance, run).count("LOGS_CAPTURED") == 2


def test_steps_of_other_runs_and_of_other_limits_get_processes_of_their_own(worker, several):
    steps = Steps(worker, several())
    pids = {steps.pid("a"), Steps(worker, several()).pid("a")}
    pids.add(steps.pid("b", limits={"memory_bytes": 1 << 30}))
    assert len(pids) == 3


def test_output_and_events_of_a_step_never_show_up_in_the_next(worker, several, instance):
    run = several(a="says", b="says")
    said = {letter: Steps(worker, run).end(letter) for letter in "ab"}
    assert said["a"][0]["pid"] == said["b"][0]["pid"]
    for letter, other in ("ab", "ba"):
        files = [Path(said[letter][1][name]).read_text() for name in ("stdout", "stderr")]
        assert f"from {letter}" in files[0]
        assert f"from {letter}" in files[1]
        assert f"from {other}" not in "".join(files)
    logged = [(e.step_key, e.user_message) for e in instance.all_logs(run.run_id)]
    assert [each for each in logged if each[1].startswith("from ")] == [
        ("a", "from a"),
        ("b", "from b"),
    ]


def test_a_logger_that_outlives_its_step_records_nothing(worker, several, instance):
    run = several(a="keeps log", b="late log")
    steps = Steps(worker, run)
    first, frames = steps.pid("a"), steps.end("b")
    assert frames[0]["pid"] == first
    assert "late" not in [entry.user_message for entry in instance.all_logs(run.run_id)]
    said = Path(frames[1]["stderr"]).read_text()
    assert "an event of step a came after its end, and is left out" in said


def test_globals_and_variables_stay_and_random_numbers_do_not_repeat(worker, several, tmp_path):
    found = {"do": "found", "file": str(tmp_path / "found")}
    steps = Steps(worker, several(a=found, b=found, c=found))
    assert len({steps.pid(letter) for letter in "abc"}) == 1
    notes = [json.loads(line) for line in (tmp_path / "found").read_text().splitlines()]
    assert [note["kept"] for note in notes] == [0, 1, 2]
    assert [note["variable"] for note in notes] == [None, "a", "b"]
    assert len({note["drawn"] for note in notes}) == 3


def test_a_step_that_reads_the_storage_itself_leaves_nothing_behind(worker, several):
    steps = Steps(worker, several(a="asks", b="asks"))
    assert steps.pid("a") == steps.pid("b")


@pytest.mark.parametrize(
    "deed",
    [
        *("thread", "process", "directory", "umask", "handler", "blocked signal", "timer"),
        *("descriptor", "capture", "stdout", "priority"),
    ],
)
def test_what_a_step_leaves_in_its_process_ends_the_process(worker, several, instance, deed):
    run = several(a=deed)
    steps = Steps(worker, run)
    first = steps.pid("a")
    assert not alive(first)
    assert steps.pid("b") != first
    assert events(instance, run, "b").count("STEP_START") == 1
    late = [e.step_key for e in instance.all_logs(run.run_id) if e.user_message == "from a thread"]
    assert set(late) <= {"a"}


def test_a_step_that_takes_a_tenth_of_its_memory_along_ends_its_process(worker, several):
    steps = Steps(worker, several(a="memory"))
    limits = {"memory_bytes": 300 << 20}
    first = steps.pid("a", limits=limits)
    assert steps.pid("b", limits=limits) != first
    assert steps.pid("c", limits=limits) == steps.pid("d", limits=limits)


@pytest.mark.parametrize(
    ("deed", "end"),
    [
        ("failure", (0, None, "failure")),
        ("exit", (0, None, "failure")),
        ("interrupt", (0, None, "failure")),
        ("crash", (3, None, None)),
        ("kill", (None, "SIGKILL", None)),
    ],
)
def test_a_step_that_does_not_succeed_ends_its_process(worker, several, deed, end):
    steps = Steps(worker, several(b=deed))
    first = steps.pid("a")
    frames = steps.end("b")
    kinds = [frame["outcome"]["kind"] for frame in frames if frame["type"] == "outcome"]
    assert frames[0]["pid"] == first
    assert (frames[-1]["code"], frames[-1]["signal"], *(kinds or [None])) == end
    assert not alive(first)
    assert steps.pid("c") != first


def test_a_refused_permit_ends_the_process(worker, several, instance):
    run = several()
    steps = Steps(worker, run)
    first = steps.pid("a")
    order = steps.start("b")
    assert worker.outcome(order, refuse)["kind"] == "permit_refused"
    assert worker.await_frame("started", order)["pid"] == first
    assert not alive(first)
    assert steps.pid("c") != first
    assert terminal_events(instance, run) == ["STEP_SUCCESS"] * 2


WAYS_TO_END = {
    "timed out": (
        {"limits": {"timeout_ms": 500, "grace_ms": 1}},
        lambda *_: None,
        "timed_out",
    ),
    "its lease over": ({"within_ms": 1500}, lambda *_: None, "expired"),
    "killed": (
        {},
        lambda worker, order: worker.send({"type": "kill", "id": order, "signal": "SIGKILL"}),
        None,
    ),
}


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_a_later_step_is_ended_as_a_first_one_is(worker, several, instance, tmp_path, way):
    fields, end, cause = WAYS_TO_END[way]
    run = several(b={"do": "waits", "file": str(tmp_path / "go")})
    steps = Steps(worker, run)
    first = steps.pid("a")
    order = steps.start("b", **fields)
    eventually((tmp_path / "go.started").exists)
    end(worker, order)
    frames = worker.finish(order, refuse)
    assert frames[0]["pid"] == first
    assert (frames[-1]["killed"] or {}).get("cause") == cause
    assert not alive(first)
    assert steps.pid("c") != first
    assert sorted(terminal_events(instance, run)) == ["STEP_SUCCESS"] * 2


def test_a_run_that_is_canceled_interrupts_its_later_step_and_no_other(
    worker, several, instance, tmp_path
):
    run = several(b={"do": "waits", "file": str(tmp_path / "go")})
    steps, other = Steps(worker, run), Steps(worker, several())
    began = [each.start("a") for each in (steps, other)]
    first, theirs = (worker.finish(each)[0]["pid"] for each in began)
    order = steps.start("b")
    eventually((tmp_path / "go.started").exists)
    instance.report_run_canceling(run)
    frames = worker.finish(order)
    assert frames[-1]["killed"]["cause"] == "canceled"
    assert not alive(first)
    assert other.pid("b") == theirs


def test_what_the_worker_still_says_of_a_step_is_not_about_the_next(worker, several, tmp_path):
    waits = {"do": "waits", "file": str(tmp_path / "go")}
    steps = Steps(worker, several(b=waits))
    over = steps.start("a", limits={"timeout_ms": 5_000}, within_ms=5_000)
    first = worker.finish(over)[0]["pid"]
    order = steps.start("b")
    eventually((tmp_path / "go.started").exists)
    worker.send({"type": "renew", "id": over, "within_ms": 1})
    worker.send({"type": "kill", "id": over, "signal": "SIGKILL"})
    # Whatever comes after both is handled after both.
    worker.finish(worker.start("probe", run_id=None))
    (tmp_path / "go").touch()
    assert worker.outcome(order)["kind"] == "success"
    assert worker.await_frame("started", order)["pid"] == first


def test_code_that_a_process_has_imported_itself_and_that_changes_ends_it(
    worker, several, tmp_path
):
    module = tmp_path / "late_module.py"
    module.write_text("VALUE = 1\n")
    os.utime(module, (1, 1))
    deed = {"do": "imports", "file": str(module)}
    steps = Steps(worker, several(a=deed, b="nothing", c="nothing"))
    first = steps.pid("a")
    assert steps.pid("b") == first
    module.write_text("VALUE = 22\n")
    assert steps.pid("c") != first
    eventually(lambda: not alive(first))


def test_code_that_a_step_writes_and_imports_ends_its_process(worker, several, tmp_path):
    deed = {"do": "code", "file": str(tmp_path / "made_by_step.py")}
    steps = Steps(worker, several(a=deed))
    assert steps.pid("a") != steps.pid("b")


def test_a_step_that_reports_its_own_end_early_loses_that_end_alone(worker, several, instance):
    run = several(a="over")
    steps = Steps(worker, run)
    frames = steps.end("a")
    assert [f["outcome"]["kind"] for f in frames if f["type"] == "outcome"] == []
    assert not alive(frames[0]["pid"])
    assert steps.pid("b") != frames[0]["pid"]
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]


def test_a_process_that_dies_while_it_waits_costs_no_step(worker, several):
    steps = Steps(worker, several())
    first = steps.pid("a")
    os.kill(first, signal.SIGKILL)
    eventually(lambda: not alive(first))
    assert steps.pid("b") != first


@pytest.fixture
def own_worker(start_worker):
    worker = start_worker(*RECYCLED)
    worker.await_frame("ready")
    return worker


def test_waiting_processes_end_with_their_location_host(own_worker, several):
    steps = Steps(own_worker, several())
    first = steps.pid("a")
    os.kill(parent_of(first), signal.SIGKILL)
    eventually(lambda: not alive(first))
    assert steps.pid("b") != first


def test_exit_hooks_of_all_steps_run_once_when_the_worker_stops(own_worker, several, tmp_path):
    hook = {"do": "exit hook", "file": str(tmp_path / "hooks")}
    steps = Steps(own_worker, several(a=hook, b=hook))
    assert steps.pid("a") == steps.pid("b")
    assert not (tmp_path / "hooks").exists()
    own_worker.send({"type": "stop"})
    own_worker.process.wait(30)
    assert (tmp_path / "hooks").read_text() == "b\na\n"


def test_a_process_that_waits_goes_on_with_another_recorder(own_worker, several, instance):
    run = several()
    steps = Steps(own_worker, run)
    first = steps.pid("a")
    [recorder] = children(own_worker.process.pid, "taskiq-recorder")
    os.kill(recorder, signal.SIGKILL)
    eventually(lambda: not alive(recorder))
    assert steps.pid("b") == first
    assert terminal_events(instance, run) == ["STEP_SUCCESS"] * 2


def test_a_recorder_that_dies_ends_a_later_step_and_its_process(
    own_worker, several, instance, tmp_path
):
    run = several(b={"do": "waits", "file": str(tmp_path / "go")})
    steps = Steps(own_worker, run)
    first = steps.pid("a")
    order = steps.start("b")
    eventually((tmp_path / "go.started").exists)
    [recorder] = children(own_worker.process.pid, "taskiq-recorder")
    os.kill(recorder, signal.SIGKILL)
    outcome = own_worker.outcome(order)
    assert (outcome["scope"], outcome["error"]["class"]) == ("instance", "RecorderLost")
    assert not alive(first)
    (tmp_path / "go").touch()
    assert steps.pid("b") != first
    assert terminal_events(instance, run) == ["STEP_SUCCESS"] * 2


def test_a_change_of_the_code_ends_the_processes_that_wait(start_worker, create_run, tmp_path):
    module = tmp_path / "changing_recycled.py"
    module.write_text((CODE / "recycled_jobs.py").read_text())
    worker = start_worker(
        "-m", "changing_recycled", "-d", str(tmp_path), "--steps-per-process", "3"
    )
    worker.await_frame("ready")
    recon = job_at("changing_recycled", "several", tmp_path)
    fails = create_run("several", ops={"a": {"config": {"do": "failure"}}}, recon=recon)
    run = create_run("several", recon=recon)
    began = [Steps(worker, each).start("a") for each in (fails, run)]
    first = [worker.finish(each)[0]["pid"] for each in began][-1]
    module.write_text(module.read_text() + "\nCHANGED = True\n")

    def is_imported_again():
        """The host looks at its files once a second, when something comes."""
        worker.finish(worker.start("probe", run_id=run.run_id))
        again = [frame for frame in worker.seen if frame["type"] == "location"]
        assert again or alive(first)
        return again

    eventually(is_imported_again)
    eventually(lambda: not alive(first))


def test_a_process_builds_the_plan_for_its_further_steps_once(
    start_worker, create_run, tmp_path, monkeypatch
):
    planned = tmp_path / "planned"
    monkeypatch.setenv("PLANNED", str(planned))
    flags = ("-m", "says_who_plans", "-d", str(CODE), "--steps-per-process", "5")
    worker = start_worker(*flags, env={"PLANNED": str(planned)})
    worker.await_frame("ready")
    steps = Steps(worker, create_run("ticks", recon=job_at("says_who_plans", "ticks")))
    planned.write_text("")
    pids = {steps.pid(f"tick_{number}") for number in range(4)}
    assert [int(pid) for pid in planned.read_text().split()] == [*pids, *pids]
