"""A job of a thousand steps, in a module of its own: it takes long to build."""

from dagster import In, Nothing, Out, job, op

from dagster_taskiq import taskiq_executor


@op(out=Out(Nothing))
def tick() -> None: ...


@op(ins={"ticks": In(Nothing)})
def total() -> int:
    return 999


@job(executor_def=taskiq_executor)
def thousand() -> None:
    total(ticks=[tick.alias(f"tick_{number}")() for number in range(999)])
