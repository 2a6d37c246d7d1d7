"""Hosts that fork steps for weeks keep nothing of them; `bench/forks.py` does it for longer."""

from __future__ import annotations

from itertools import pairwise

from orders import run_order
from processes import anonymous_kb, descriptors, parent_of

# A guard with its process, channel and outcome takes four.
MOST_KB_PER_FORK = 2
FORKS = 12
# Python takes an arena of memory now and then. What each fork leaves grows in every round.
ROUNDS = 3
# The first forks of a run have the host build its job, and Python fill its free lists.
WARM_UP = 8


def test_forks_leave_no_memory_and_no_descriptor_in_the_hosts(worker, create_run):
    def fork() -> int:
        # An attempt that is over is not forked again.
        order = worker.start("run", **run_order(create_run("greet"), "greet"))
        location = parent_of(worker.await_frame("started", order)["pid"])
        assert worker.outcome(order)["kind"] == "success"
        return location

    def held() -> list[tuple[int, int]]:
        hosts = (worker.process.pid, location)
        return [(anonymous_kb(pid), descriptors(pid)) for pid in hosts]

    location = {fork() for _ in range(WARM_UP)}.pop()
    looks = [held()]
    for _ in range(ROUNDS):
        assert {fork() for _ in range(FORKS)} == {location}
        looks.append(held())
    for host in zip(*looks, strict=True):
        grown = [after - before for (before, _), (after, _) in pairwise(host)]
        assert min(grown) < MOST_KB_PER_FORK * FORKS, grown
        assert len({descriptors_held for _, descriptors_held in host}) == 1
