"""The jobs that `npm run bench` runs, each under the executor that its name ends with.

`noops_100__taskiq` is a hundred ops that do nothing, run by `taskiq_executor`. A job is built when
Dagster asks for it.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dagster import (
    DynamicOut,
    DynamicOutput,
    ExecutorDefinition,
    In,
    JobDefinition,
    Nothing,
    OpExecutionContext,
    Out,
    in_process_executor,
    job,
    multiprocess_executor,
    op,
    repository,
)
from dagster_taskiq import taskiq_executor

CHAIN = 40
NOOPS = (2, 10, 20, 100, 1000)
HELD = (2, 8, 32)
SPAWNED = {"taskiq/isolation": "spawn"}


def executors() -> dict[str, ExecutorDefinition]:
    """Return each executor by the name that jobs have it by."""
    known = {
        "in_process": in_process_executor,
        "multiprocess": multiprocess_executor.configured({"max_concurrent": 2}),
        "taskiq": taskiq_executor,
        "spawned": taskiq_executor,
    }
    try:
        from dagster_celery import celery_executor
    except ImportError:
        return known
    return {**known, "celery": celery_executor}


@op(out=Out(Nothing))
def noop() -> None:
    """Do nothing."""


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def fib_of_ten() -> None:
    """Compute the tenth Fibonacci number, the slow way."""

    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    fib(10)


@op(out=Out(Nothing))
def held() -> None:
    """Run until the bench writes a file."""
    while not Path(os.environ["DAGSTER_HOME"], "release").exists():
        time.sleep(0.1)


@op(out=DynamicOut(int), config_schema={"width": int})
def fan(context: OpExecutionContext) -> Iterator[DynamicOutput[int]]:
    """Yield one output for each step to come."""
    for number in range(context.op_config["width"]):
        yield DynamicOutput(number, mapping_key=str(number))


@op
def of_one(number: int) -> int:
    """Answer with its input."""
    return number


@op(ins={"ones": In(Nothing)})
def total() -> None:
    """Wait for all."""


def side_by_side(size: int, of: Any, tags: dict[str, str]) -> Callable[[], None]:
    """Compose a graph of `size` ops that wait for nothing."""

    def compose() -> None:
        for number in range(size):
            of.alias(f"{of.name}_{number}").tag(tags)()

    return compose


def chain() -> None:
    """Compose a graph of steps that each wait for the one before."""
    before = fib_of_ten.alias("fib_0")()
    for number in range(1, CHAIN):
        before = fib_of_ten.alias(f"fib_{number}")(before)


def fan_out() -> None:
    """Compose a graph whose width its configuration says."""
    total(fan().map(of_one).collect())


def shapes(executor: str) -> dict[str, Callable[[], None]]:
    """Return the graphs by name."""
    tags = SPAWNED if executor == "spawned" else {}
    noops = {f"noops_{size}": side_by_side(size, noop, tags) for size in NOOPS}
    held_ones = {f"held_{size}": side_by_side(size, held, tags) for size in HELD}
    return {**noops, **held_ones, "chain": chain, "fan_out": fan_out}


def lazily(
    name: str, compose: Callable[[], None], executor: ExecutorDefinition
) -> Callable[[], JobDefinition]:
    """Return what builds the job when Dagster asks for it."""
    return lambda: job(name=name, executor_def=executor)(compose)


@repository
def peers() -> dict[str, dict[str, Callable[[], JobDefinition]]]:
    """Give the jobs by name, none of them built yet."""
    jobs = {}
    for executor_name, executor in executors().items():
        for shape, compose in shapes(executor_name).items():
            name = f"{shape}__{executor_name}"
            jobs[name] = lazily(name, compose, executor)
    return {"jobs": jobs}
