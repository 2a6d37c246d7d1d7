"""A location host builds a run's job and plan once, when a step has shown that it does no harm."""

from __future__ import annotations

import tracemalloc

import pytest
from orders import job_at, run_order
from worker_double import CODE

from dagster_taskiq.host.code.sources import RunCode, Source
from dagster_taskiq.host.location.built_jobs import BuiltJobs


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Return the file that takes the pids of processes that build the plan."""
    monkeypatch.setenv("PLANNED", str(tmp_path / "planned"))
    return tmp_path / "planned"


@pytest.fixture
def ticks(create_run, start_worker, planned):
    """Return a function that runs a step in a run; it returns its process's exit code and pid."""
    job = job_at("says_who_plans", "ticks")
    worker = start_worker("-m", "says_who_plans", "-d", str(CODE), env={"PLANNED": str(planned)})
    worker.await_frame("ready")

    def tick(run, number):
        order = worker.start("run", **run_order(run, f"tick_{number}"))
        exited = worker.finish(order)[-1]
        return exited["code"], worker.await_frame("started", order)["pid"]

    runs = [create_run("ticks", recon=job) for _ in range(2)]
    planned.write_text("")
    return runs, tick


def test_the_second_step_of_alike_runs_has_the_host_build_and_the_others_build_nothing(
    ticks, planned
):
    [run, alike], tick = ticks
    ticked = [tick(run, 0), tick(run, 1), tick(run, 2), tick(alike, 0), tick(alike, 1)]
    assert [code for code, _ in ticked] == [0] * 5
    first, host = map(int, planned.read_text().split())
    assert first == ticked[0][1]
    assert host not in [pid for _, pid in ticked]


def test_a_failure_that_ends_a_step_that_builds_never_ends_the_host(ticks, planned):
    [run, _], tick = ticks
    ends = planned.with_name("ENDS")
    ends.touch()
    assert [tick(run, number)[0] for number in (0, 1)] == [3] * 2
    ends.unlink()
    assert [tick(run, number)[0] for number in (2, 3, 4)] == [0] * 3
    assert len(planned.read_text().split()) == 2


def code_with(config):
    return RunCode(None, Source("module", "jobs", None), "", plain=True, planned_with=config)


def test_a_host_keeps_the_hundred_jobs_used_last():
    built = []
    jobs = BuiltJobs(lambda code: built.append(code.planned_with))

    def run_two_steps(config):
        jobs.of("first", code_with(config))
        jobs.note_end("first", came_to_its_end=True)
        jobs.of("second", code_with(config))

    configs = [str(number) for number in range(101)]
    for config in [*configs, *configs[1:], configs[0]]:
        run_two_steps(config)
    assert built == [*configs, configs[0]]


def test_a_host_does_not_keep_the_configs_of_runs():
    jobs = BuiltJobs(lambda _: None)
    tracemalloc.start()
    try:
        for number in range(200):
            config = f"{number}".rjust(100_000)
            jobs.of("order", code_with(config))
            jobs.note_end("order", came_to_its_end=True)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


@pytest.fixture
def late_worker(start_worker, tmp_path):
    said = {"SAID": str(tmp_path / "said")}
    worker = start_worker("-m", "late", "-d", str(CODE), env=said)
    worker.await_frame("ready")
    return worker


@pytest.fixture
def late(create_run, late_worker, tmp_path):
    """Return a function that runs the four steps of a job in `late`; it returns what they say."""

    def run_all(name, step):
        run = create_run(name, recon=job_at("late", name))
        for number in range(4):
            order = late_worker.start("run", **run_order(run, f"{step}_{number}"))
            assert late_worker.outcome(order)["kind"] == "success"
        return (tmp_path / "said").read_text().splitlines()

    return run_all


def test_generators_made_while_the_host_builds_are_seeded_again_in_each_fork(late):
    drawn = [line.split() for line in late("draws_late", "draw")]
    assert [len(set(column)) for column in zip(*drawn, strict=True)] == [4, 4, 1]


def test_a_thread_that_starts_while_the_host_builds_ends_its_forks_and_the_worker_gets_the_reason(
    late, late_worker
):
    assert late("asks_late", "ask") == ["answer"] * 4
    location = late_worker.await_frame("location")
    assert location["error"] is None
    assert location["unforkable"] == ["thread pool_0 (since a job was built)"]
