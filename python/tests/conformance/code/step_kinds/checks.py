"""Asset checks, of which some hold back what comes after."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetSelection,
    MaterializeResult,
    asset,
    asset_check,
    define_asset_job,
)


@asset(check_specs=[AssetCheckSpec("not_empty", asset="snow")])
def snow() -> Iterator[Any]:
    yield MaterializeResult(metadata={"rows": 0})
    yield AssetCheckResult(
        passed=False, check_name="not_empty", severity=AssetCheckSeverity.WARN, metadata={"rows": 0}
    )


@asset
def ice() -> int:
    return -1


@asset_check(asset=ice, blocking=True)
def is_thick(ice: int) -> AssetCheckResult:
    return AssetCheckResult(passed=ice > 0, metadata={"thickness": ice})


@asset_check(asset=snow, description="passes")
def is_white() -> AssetCheckResult:
    return AssetCheckResult(passed=True)


@asset_check(asset=snow)
def cannot_tell() -> AssetCheckResult:
    raise RuntimeError("it is dark")


@asset(deps=[snow])
def skis() -> None: ...


@asset(deps=[ice])
def skates() -> None: ...


ASSETS = [snow, ice, skis, skates]
CHECKS = [is_thick, is_white, cannot_tell]
JOBS = [
    define_asset_job("checks", AssetSelection.assets(*ASSETS)),
    define_asset_job("checks_only", AssetSelection.checks(is_white, is_thick)),
]
