"""What passes between steps, and how they are put together."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from dagster import (
    Config,
    In,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    config_mapping,
    graph,
    job,
    op,
)


class Sizes(Config):
    count: int = 2
    names: list[str] = ["rain", "snow"]  # noqa: RUF012 - pydantic copies it


@op
def makes(config: Sizes) -> list[str]:
    return config.names * config.count


@op
def joins(parts: list[list[str]]) -> str:
    return ",".join(name for part in parts for name in part)


@op(out={"rain": Out(str, is_required=False), "snow": Out(str, is_required=False)})
def branches() -> Iterator[Output[str]]:
    yield Output("wet", "rain")


@op
def if_rain(what: str) -> str:
    return what


@op
def if_snow(what: str) -> str:
    return what


@op
def after_snow(what: str) -> str:
    return what


@op
def either(found: list[str]) -> str:
    return "+".join(found)


@op(out=Out(Nothing))
def prepares() -> None: ...


@op(ins={"start": In(Nothing)})
def follows() -> int:
    return 1


@op(out={"least": Out(int), "most": Out(int)})
def ranges() -> tuple[int, int]:
    return 1, 9


@op(ins={"least": In(int), "step": In(int, default_value=2), "most": In(int)})
def counts(least: int, most: int, step: int) -> int:
    return len(range(least, most, step))


@op
async def waits() -> int:
    await asyncio.sleep(0)
    return 1


@op(out={"first": Out(int), "second": Out(int)})
async def generates():
    for number, name in enumerate(("first", "second")):
        await asyncio.sleep(0)
        yield Output(number, name)


@op
def makes_much() -> bytes:
    return bytes(range(256)) * 16_384


@op
def measures(context: OpExecutionContext, much: bytes) -> int:
    context.add_output_metadata({"bytes": len(much), "path": Path("data") / "much"})
    return len(much)


@op
def halves(number: int) -> int:
    return number // 2


@config_mapping
def inner_config(sizes: Sizes) -> dict[str, object]:
    return {"makes": {"config": {"count": sizes.count, "names": sizes.names}}}


@graph(config=inner_config)
def inner() -> str:
    return joins([makes(), makes.alias("by_default")()])


@graph
def outer(number: int) -> int:
    return halves(halves.alias("first_half")(number))


LONG = "a" * 100


@op(name=LONG)
def has_a_long_name() -> int:
    return 1


@graph(name="b" * 100)
def in_a_long_graph() -> int:
    return has_a_long_name()


@job
def wires() -> None:
    rain, snow = branches()
    either([if_rain(rain), if_snow(snow)])
    after_snow(if_snow.alias("if_snow_again")(snow))
    follows(start=[prepares(), prepares.alias("prepares_more")()])
    counts(*ranges())
    waits()
    generates()
    outer(measures(makes_much()))
    inner()
    in_a_long_graph()


JOBS = [wires]
