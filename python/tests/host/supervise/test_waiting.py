"""Which processes without a step are kept, and for how long."""

from __future__ import annotations

from typing import Any

from dagster_taskiq.host.supervise.guard import Rest
from dagster_taskiq.host.supervise.waiting import IDLE_SECONDS, Kind, WaitingProcesses
from dagster_taskiq.host.wire.limits import Limits

RUN, OTHER = Kind("run", None, None), Kind("other", None, None)


class Process:
    """What a guard needs of a process that has no step."""

    pid = 1
    recorder = None
    outcome = None


def keep(waiting: WaitingProcesses, kind: Kind, now: float) -> Any:
    return waiting.add(Process(), kind, Rest({}), Limits(), now)  # type: ignore[arg-type]


def test_the_process_of_the_run_that_has_waited_least_is_found():
    waiting = WaitingProcesses()
    keep(waiting, RUN, 0.0)
    newest = keep(waiting, RUN, 1.0)
    keep(waiting, OTHER, 2.0)
    assert waiting.find(RUN) is newest
    assert waiting.find(Kind("run", 1, None)) is None


def test_a_process_that_has_waited_long_is_superfluous():
    waiting = WaitingProcesses()
    waiting.superfluous(running=2, now=0.0)
    first, second = keep(waiting, RUN, 0.0), keep(waiting, RUN, 1.0)
    assert waiting.superfluous(running=0, now=IDLE_SECONDS - 0.1) == []
    assert waiting.superfluous(running=0, now=IDLE_SECONDS) == [first]
    assert waiting.superfluous(running=0, now=IDLE_SECONDS + 1) == [first, second]


def test_no_more_processes_are_kept_than_steps_have_run_at_once():
    waiting = WaitingProcesses()
    waiting.superfluous(running=2, now=0.0)
    first, second = keep(waiting, RUN, 0.0), keep(waiting, OTHER, 0.0)
    assert waiting.superfluous(running=0, now=1.0) == []
    assert waiting.superfluous(running=1, now=1.0) == [first]
    assert waiting.superfluous(running=2, now=1.0) == [first, second]
    # Three have run at once by now.
    assert waiting.superfluous(running=3, now=1.0) == [first, second]
    assert waiting.superfluous(running=1, now=1.0) == []


def test_the_processes_of_a_run_are_found_together():
    waiting = WaitingProcesses()
    of_run = [keep(waiting, RUN, 0.0), keep(waiting, RUN, 0.0)]
    keep(waiting, OTHER, 0.0)
    assert waiting.of_runs(["run", "unknown"]) == of_run
