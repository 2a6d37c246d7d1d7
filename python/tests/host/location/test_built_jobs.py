"""A location host builds a run's job and plan once, when a step has shown that it does no harm."""

from __future__ import annotations

import pytest
from orders import job_at, run_order
from worker_double import CODE


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
    told = [tick(run, 0), tick(run, 1), tick(run, 2), tick(alike, 0), tick(alike, 1)]
    assert [code for code, _ in told] == [0] * 5
    first, host = map(int, planned.read_text().split())
    assert first == told[0][1]
    assert host not in [pid for _, pid in told]


def test_what_ends_a_step_that_builds_never_comes_to_the_host(ticks, planned):
    [run, _], tick = ticks
    ends = planned.with_name("ENDS")
    ends.touch()
    assert [tick(run, number)[0] for number in (0, 1)] == [3] * 2
    ends.unlink()
    assert [tick(run, number)[0] for number in (2, 3, 4)] == [0] * 3
    assert len(planned.read_text().split()) == 2
