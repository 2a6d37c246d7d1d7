"""Steps that are known only once others have run."""

from collections.abc import Iterator

from dagster import (
    Config,
    DynamicOut,
    DynamicOutput,
    OpExecutionContext,
    Out,
    Output,
    RetryPolicy,
    graph,
    job,
    op,
)


class Pieces(Config):
    keys: list[str] = ["a", "b", "c"]  # noqa: RUF012 - pydantic copies it


@op(out=DynamicOut(str))
def splits(config: Pieces) -> Iterator[DynamicOutput[str]]:
    for key in config.keys:
        yield DynamicOutput(key, mapping_key=key)


@op(out={"left": DynamicOut(str), "right": DynamicOut(str), "count": Out(int)})
def splits_in_two() -> Iterator[DynamicOutput[str] | Output[int]]:
    yield DynamicOutput("l", mapping_key="only", output_name="left")
    for key in ("x", "y"):
        yield DynamicOutput(key, mapping_key=key, output_name="right")
    yield Output(3, "count")


@op(out=DynamicOut(str, is_required=False))
def splits_nothing_optional() -> Iterator[DynamicOutput[str]]:
    yield from ()


@op
def shouts(text: str) -> str:
    return text.upper()


@op
def fails_for_b(context: OpExecutionContext, text: str) -> str:
    is_first_run = context.run.parent_run_id is None
    if text == "b" and is_first_run:
        raise RuntimeError("not b")
    return text


@op(retry_policy=RetryPolicy(max_retries=1))
def stumbles(context: OpExecutionContext, text: str) -> str:
    if context.retry_number == 0 and text == "B":
        raise RuntimeError("not at first")
    return text


@op
def gathers(texts: list[str]) -> str:
    return "".join(texts)


@op
def gathers_both(left: list[str], right: list[str], count: int) -> str:
    return "".join(left + right) * count


@graph
def shouts_twice(text: str) -> str:
    return stumbles(shouts(text))


@job
def maps() -> None:
    pieces = splits()
    gathers(pieces.map(shouts_twice).collect())
    left, right, count = splits_in_two()
    gathers_both(
        left.map(shouts.alias("left")).collect(), right.map(shouts.alias("right")).collect(), count
    )
    # One map after another, the second with a value from outside the map.
    chained = pieces.map(shouts.alias("first")).map(shouts.alias("second"))
    gathers.alias("gathers_chained")(chained.collect())


@job(config={"ops": {"splits": {"config": {"keys": []}}}})
def maps_nothing() -> None:
    gathers(splits().map(shouts).collect())
    gathers.alias("gathers_skipped")(
        splits_nothing_optional().map(shouts.alias("skipped")).collect()
    )


@job
def maps_with_a_failure() -> None:
    gathers(splits().map(fails_for_b).collect())


JOBS = [maps, maps_nothing, maps_with_a_failure]
