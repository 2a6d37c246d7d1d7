"""The kill ladder by itself: which rungs, when, and what a step may still say."""

from __future__ import annotations

import math

import pytest

from dagster_taskiq.host.supervise.kill_ladder import Cause, KillLadder

PATIENT = [Cause.TIMED_OUT, Cause.SILENT, Cause.AFTER_END]
URGENT = [Cause.OUTPUT, Cause.PROCESSES]


class Climber:
    def __init__(self) -> None:
        self.deeds: list[str] = []

    def dump_stacks(self, why: str) -> None:
        self.deeds.append(f"dump: {why}")

    def interrupt(self) -> None:
        self.deeds.append("interrupt")

    def kill(self) -> None:
        self.deeds.append("kill")


def climb(ladder: KillLadder) -> list[tuple[float, str]]:
    """Return each deed with its time; the ladder is begun at 100."""
    now, deeds = 100.0, []
    while not math.isinf(now):
        climber = Climber()
        ladder.climb(now, climber)
        deeds += [(now, deed) for deed in climber.deeds]
        now = ladder.due_at
    return deeds


@pytest.mark.parametrize("cause", PATIENT)
def test_a_step_is_dumped_then_interrupted_then_killed(cause):
    deeds = climb(KillLadder(cause, "too late", grace=7))
    assert deeds == [(100, "dump: too late"), (100.25, "interrupt"), (107.25, "kill")]


@pytest.mark.parametrize("cause", URGENT)
def test_a_step_that_still_grows_gets_no_grace(cause):
    assert climb(KillLadder(cause, "too much", grace=7)) == [
        (100, "dump: too much"),
        (100.25, "kill"),
    ]


@pytest.mark.parametrize("cause", [Cause.CANCELED, Cause.RUN_OVER])
def test_a_canceled_step_is_dumped_only_if_it_will_not_end(cause):
    assert climb(KillLadder(cause, "over", grace=7)) == [
        (100, "interrupt"),
        (107, "dump: over"),
        (107.25, "kill"),
    ]


def test_no_rung_of_the_kill_ladder_is_taken_early_or_twice():
    ladder, climber = KillLadder(Cause.SILENT, "", grace=7), Climber()
    for now in (100, 100.2, 100.3, 107, 107.3, 200):
        ladder.climb(now, climber)
    assert climber.deeds == ["dump: ", "interrupt", "kill"]


@pytest.mark.parametrize("cause", [Cause.TIMED_OUT, Cause.SILENT])
def test_an_outcome_made_by_the_interrupt_is_refused(cause):
    ladder = KillLadder(cause, "", grace=7)
    ladder.climb(100, Climber())
    assert not ladder.refuses("STEP_FAILURE")  # not interrupted yet
    ladder.climb(100.25, Climber())
    for event in ("STEP_FAILURE", "STEP_UP_FOR_RETRY", "RESOURCE_INIT_FAILURE", None):
        assert ladder.refuses(event)
    assert not ladder.refuses("STEP_SUCCESS")


def test_a_canceled_step_may_say_how_it_ended():
    ladder = KillLadder(Cause.CANCELED, "", grace=7)
    climb(ladder)
    assert not ladder.refuses("STEP_FAILURE")
