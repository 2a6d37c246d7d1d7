"""The runs that are done once by Dagster's multiprocess executor and once through the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run of a job of step_kinds."""

    name: str
    job: str
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    op_selection: Sequence[str] | None = None
    asset_selection: Sequence[str] | None = None
    again: str | None = None
    """Re-executes the run of that case: the `steps`, or without any what failed."""
    steps: Sequence[str] | None = None


def case(name: str, job: str | None = None, **fields: Any) -> Case:
    return Case(name=name, job=job or name, **fields)


_RANGE = {
    "dagster/asset_partition_range_start": "2026-01-02",
    "dagster/asset_partition_range_end": "2026-01-04",
}
_PLACE = {
    "dagster/partition": "2026-01-02|oslo",
    "dagster/partition/day": "2026-01-02",
    "dagster/partition/place": "oslo",
}

CASES = [
    case("ends"),
    case("wires"),
    case("maps"),
    case("maps_nothing"),
    case("maps_with_a_failure"),
    case("from_failure", "maps_with_a_failure", again="maps_with_a_failure"),
    case("uses_resources"),
    case("has_hooks"),
    case("speaks"),
    case("materializes"),
    case("observes"),
    case("checks"),
    case("checks_only"),
    case(
        "has_partitions",
        tags={"dagster/partition": "oslo"},
        config={"ops": {"greets": {"config": {"place": "oslo"}}}},
    ),
    case("one_day", "daily", tags={"dagster/partition": "2026-01-05"}),
    case("range_of_days", "daily", tags=_RANGE),
    case("day_and_place", "daily_by_place", tags=_PLACE),
    case("some_assets", "materializes", asset_selection=["mean", "peak", "station_oslo"]),
    case("some_ops", "wires", op_selection=["*outer", "waits"]),
    case("from_a_step", "wires", again="wires", steps=["either", "outer.first_half*"]),
    case("from_a_mapped_step", "maps", again="maps", steps=["gathers"]),
]
