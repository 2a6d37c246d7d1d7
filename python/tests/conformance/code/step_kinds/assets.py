"""Assets without partitions."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    Output,
    asset,
    define_asset_job,
    graph_asset,
    multi_asset,
    observable_source_asset,
    op,
)


@observable_source_asset
def sky() -> DataVersion:
    return DataVersion("clouded")


@asset(group_name="weather", code_version="1", metadata={"unit": "mm"}, kinds={"python"})
def rain(context: AssetExecutionContext) -> Output[list[int]]:
    context.log_event(AssetMaterialization("side_effect", metadata={"by": "rain"}))
    return Output([1, 2], metadata={"rows": 2, "table": MetadataValue.md("|a|")})


@asset(code_version="2", key_prefix=["region", "north"])
def wetness(rain: list[int]) -> int:
    return sum(rain)


@asset(deps=[rain, sky])
def reports() -> MaterializeResult:
    return MaterializeResult(metadata={"pages": 1}, data_version=DataVersion("v1"))


def station(name: str) -> AssetsDefinition:
    """Make an asset, as teams do for things that come in numbers."""

    @asset(name=f"station_{name}", tags={"station": name})
    def built(rain: list[int]) -> list[int]:
        return [drop * len(name) for drop in rain]

    return built


@multi_asset(
    specs=[AssetSpec("mean"), AssetSpec("peak", deps=["mean"]), AssetSpec("low", skippable=True)],
    can_subset=True,
)
def statistics(context: AssetExecutionContext) -> Iterator[MaterializeResult[Any]]:
    for key in sorted(context.selected_asset_keys):
        if key != AssetKey("low"):
            yield MaterializeResult(asset_key=key, metadata={"of": key.to_user_string()})


@asset(deps=["low"])
def below_low() -> None: ...


@op
def collects() -> int:
    return 1


@op
def condenses(number: int) -> int:
    return number + 1


@graph_asset
def condensed() -> int:
    return condenses(collects())


@asset
def breaks() -> None:
    raise RuntimeError("no rain on 31 February")


@asset(deps=[breaks])
def after_the_break() -> None: ...


@asset
def sees(context: AssetExecutionContext) -> None:
    context.log_event(AssetObservation("sees", metadata={"at": 1}))


_stations = [station(name) for name in ("oslo", "bergen")]

ASSETS = [
    sky,
    rain,
    wetness,
    reports,
    *_stations,
    statistics,
    below_low,
    condensed,
    breaks,
    after_the_break,
    sees,
]
JOBS = [
    define_asset_job("materializes", AssetSelection.assets(*[a for a in ASSETS if a is not sky])),
    define_asset_job("observes", AssetSelection.assets("sky")),
]
