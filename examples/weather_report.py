"""A Dagster project in one file, whose steps run on taskiq workers. Copy it and begin.

`taskiq dev -f weather_report.py` serves it, with a queue, a worker and Dagster's web UI. The
readings are made up.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from dagster import (
    AssetExecutionContext,
    Definitions,
    DynamicOut,
    DynamicOutput,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    RetryPolicy,
    asset,
    define_asset_job,
    graph_asset,
    op,
)
from dagster_taskiq import taskiq_executor

STATIONS = {
    "bergen": 1.4,
    "oslo": -2.6,
    "roros": -9.8,
    "tromso": -3.9,
    "trondheim": -1.1,
    "vardo": -4.2,
}

Summary = dict[str, Any]


@op(out=DynamicOut(str))
def find_stations() -> Iterator[DynamicOutput[str]]:
    """Start one branch for each station: their steps run side by side."""
    for station in STATIONS:
        yield DynamicOutput(station, mapping_key=station)


@op
def summarize(context: OpExecutionContext, station: str) -> Summary:
    """Reduce a month of readings to a few figures."""
    chance = random.Random(station)
    temperatures = [chance.gauss(STATIONS[station], 3) for _ in range(31)]
    rain = [max(0.0, chance.gauss(0, 6)) for _ in range(31)]
    context.log.info("%s: %d days", station, len(temperatures))
    return {
        "station": station,
        "mean_c": round(mean(temperatures), 1),
        "coldest_c": round(min(temperatures), 1),
        "rain_mm": round(sum(rain), 1),
    }


@op
def compare(summaries: list[Summary]) -> list[Summary]:
    """Rank the stations by warmth."""
    return sorted(summaries, key=lambda summary: summary["mean_c"], reverse=True)


@graph_asset
def weather() -> list[Summary]:
    """A month of weather at every station, warmest first."""
    ranked: list[Summary] = compare(find_stations().map(summarize).collect())
    return ranked


@asset
def weather_page(context: AssetExecutionContext, weather: list[Summary]) -> str:
    """The comparison as a Markdown table."""
    page = "| station | mean °C | coldest °C | rain mm |\n|---|---|---|---|\n" + "".join(
        f"| {row['station']} | {row['mean_c']} | {row['coldest_c']} | {row['rain_mm']} |\n"
        for row in weather
    )
    context.add_output_metadata({"preview": MetadataValue.md(page), "stations": len(weather)})
    return page


@asset(retry_policy=RetryPolicy(max_retries=2, delay=0.5))
def published_page(context: AssetExecutionContext, weather_page: str) -> MaterializeResult:
    """The page where people can read it. The server is busy at first, and the policy retries."""
    if context.retry_number == 0:
        raise ConnectionError("503 from weather.example: come back in a second")
    path = Path(os.environ["DAGSTER_HOME"], "weather.md")
    path.write_text(weather_page, encoding="utf-8")
    return MaterializeResult(metadata={"path": MetadataValue.path(str(path))})


assets = [weather, weather_page, published_page]

defs = Definitions(
    assets=assets,
    jobs=[define_asset_job("weather_report", selection=assets)],
    executor=taskiq_executor,  # of every job that names no other
)
