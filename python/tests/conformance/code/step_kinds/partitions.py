"""Partitioned assets and jobs, with an I/O manager that sees the partitions."""

import json
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetSelection,
    BackfillPolicy,
    ConfigurableIOManager,
    DagsterInstance,
    DailyPartitionsDefinition,
    InputContext,
    MultiPartitionsDefinition,
    OpExecutionContext,
    OutputContext,
    StaticPartitionsDefinition,
    asset,
    define_asset_job,
    job,
    op,
    static_partitioned_config,
)

days = DailyPartitionsDefinition("2026-01-01", end_date="2026-01-06")
places = StaticPartitionsDefinition(["oslo", "bergen"])


class JsonFiles(ConfigurableIOManager):
    """One file a partition, below the instance's own directory."""

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        values = obj if isinstance(obj, dict) and len(context.asset_partition_keys) > 1 else None
        for key in context.asset_partition_keys:
            path = self._path(context.asset_key.path, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(obj if values is None else values[key]))
        context.add_output_metadata({"files": len(context.asset_partition_keys)})

    def load_input(self, context: InputContext) -> Any:
        keys = context.asset_partition_keys
        found = {k: json.loads(self._path(context.asset_key.path, k).read_text()) for k in keys}
        return found if len(keys) > 1 else found[keys[0]]

    def _path(self, asset: Any, key: str) -> Path:
        home = Path(DagsterInstance.get().root_directory)
        return home / "json" / "/".join(asset) / f"{key.replace('|', '_')}.json"


@asset(
    partitions_def=days,
    io_manager_key="json_files",
    backfill_policy=BackfillPolicy.single_run(),
)
def daily_rain(context: AssetExecutionContext) -> Any:
    amounts = {key: int(key[-2:]) for key in context.partition_keys}
    return amounts if len(amounts) > 1 else next(iter(amounts.values()))


@asset(
    partitions_def=days,
    io_manager_key="json_files",
    backfill_policy=BackfillPolicy.single_run(),
)
def daily_flow(context: AssetExecutionContext, daily_rain: Any) -> Any:
    context.log.info("of %s: %s", context.partition_key_range.start, daily_rain)
    if isinstance(daily_rain, dict):
        return {key: amount * 2 for key, amount in daily_rain.items()}
    return daily_rain * 2


@asset(
    partitions_def=MultiPartitionsDefinition({"day": days, "place": places}),
    io_manager_key="json_files",
)
def rain_by_place(context: AssetExecutionContext) -> dict[str, str]:
    return dict(context.partition_key.keys_by_dimension)


@static_partitioned_config(["oslo", "bergen"])
def per_place(place: str) -> dict[str, Any]:
    return {"ops": {"greets": {"config": {"place": place}}}}


@op(config_schema={"place": str})
def greets(context: OpExecutionContext) -> str:
    return f"{context.op_config['place']} of {context.partition_key}"


@job(config=per_place)
def has_partitions() -> None:
    greets()


RESOURCES = {"json_files": JsonFiles()}
ASSETS = [daily_rain, daily_flow, rain_by_place]
JOBS = [
    has_partitions,
    define_asset_job("daily", AssetSelection.assets(daily_rain, daily_flow)),
    define_asset_job("daily_by_place", AssetSelection.assets(rain_by_place)),
]
