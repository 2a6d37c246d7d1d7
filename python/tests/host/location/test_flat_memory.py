"""Hosts that fork steps for weeks keep nothing of them; `bench/forks.py` does it for longer."""

from __future__ import annotations

from orders import run_order
from processes import anonymous_kb, descriptors, parent_of

# A guard with its process, channel and outcome takes four.
MOST_KB_PER_FORK = 2
FORKS = 30
# The first forks of a run have the host build its job, and Python fill its free lists. With `FORKS`
# that is as many as `ticks` has steps.
WARM_UP = 8


def test_thirty_forks_leave_no_memory_and_no_descriptor_in_the_hosts(worker, create_run):
    # Of one run: the base keeps the code of each run that it has seen, up to a bound.
    run = create_run("ticks")
    steps = (f"tick_{number}" for number in range(WARM_UP + FORKS))

    def fork() -> int:
        order = worker.start("run", **run_order(run, next(steps)))
        location = parent_of(worker.await_frame("started", order)["pid"])
        assert worker.outcome(order)["kind"] == "success"
        return location

    def held() -> list[tuple[int, int]]:
        hosts = (worker.process.pid, location)
        return [(anonymous_kb(pid), descriptors(pid)) for pid in hosts]

    location = {fork() for _ in range(WARM_UP)}.pop()
    before = held()
    assert {fork() for _ in range(FORKS)} == {location}
    for (kb_before, fds_before), (kb, fds) in zip(before, held(), strict=True):
        assert kb - kb_before < MOST_KB_PER_FORK * FORKS
        assert fds == fds_before
