"""Waits between tries double up to a cap."""

from __future__ import annotations

from dagster_taskiq.backoff import doubled


def test_a_wait_doubles_with_each_failure_up_to_its_cap() -> None:
    assert [doubled(0.5, 10.0, failures) for failures in range(5)] == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_any_count_of_failures_has_a_wait() -> None:
    assert doubled(0.5, 10.0, -1) == 0.5
    assert doubled(0.5, 10.0, 5) == doubled(0.5, 10.0, 1_000_000) == 10.0
