"""Jobs that read every part of Dagster's known state, and fail unless they get their inputs."""

from collections.abc import Iterator
from pathlib import Path

from dagster import (
    Config,
    ConfigurableResource,
    DynamicOut,
    DynamicOutput,
    InitResourceContext,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    RetryPolicy,
    graph,
    job,
    op,
)

from dagster_taskiq import taskiq_executor


@op
def one() -> int:
    return 1


@op(tags={"taskiq/group": "adders", "taskiq/timeout": "5m", "dagster/priority": "3"})
def add(numbers: list[int]) -> int:
    if not numbers:
        raise ValueError("got no numbers")
    return sum(numbers)


@op
def expect_three(number: int) -> None:
    if number != 3:
        raise ValueError(f"expected 3, got {number}")


@job(executor_def=taskiq_executor)
def adds_up() -> None:
    expect_three(add([one.alias(f"one_{n}")() for n in range(3)]))


@op(out={"yes": Out(int, is_required=False), "no": Out(int, is_required=False)})
def decide() -> Iterator[Output[int]]:
    yield Output(1, "yes")


@op
def pass_on(number: int) -> int:
    return number


@op
def expect_one_of_two(numbers: list[int]) -> None:
    if numbers != [1]:
        raise ValueError(f"expected [1], got {numbers}")


@op(tags={"taskiq/time_out": "5m", "taskiq/owner": "weather", "taskiq/memory": "1g"})
def misspelt() -> None:
    pass


@job(executor_def=taskiq_executor)
def misspells() -> None:
    misspelt()
    misspelt.alias("again")()


@job(executor_def=taskiq_executor)
def skips() -> None:
    yes, no = decide()
    expect_one_of_two([pass_on.alias("taken")(yes), pass_on.alias("not_taken")(no)])


class Sizes(Config):
    left: int = 3
    right: int = 2


@op(out={"left": DynamicOut(int), "right": DynamicOut(int)})
def split(config: Sizes) -> Iterator[DynamicOutput[int]]:
    for name, size in (("left", config.left), ("right", config.right)):
        for number in range(size):
            yield DynamicOutput(number, mapping_key=f"{name}_{number}", output_name=name)


@graph
def double_then_pass(number: int) -> int:
    return pass_on(pass_on.alias("doubled")(number))


@op
def count(numbers: list[int]) -> int:
    return len(numbers)


@op
def compare_counts(config: Sizes, left: int, right: int) -> None:
    if (left, right) != (config.left, config.right):
        raise ValueError(f"expected {config.left} and {config.right}, got {left} and {right}")


@job(executor_def=taskiq_executor)
def splits() -> None:
    left, right = split()
    compare_counts(
        count.alias("count_left")(left.map(double_then_pass).collect()),
        count.alias("count_right")(right.map(pass_on.alias("mapped_right")).collect()),
    )


@op(retry_policy=RetryPolicy(max_retries=2, delay=0.05))
def succeeds_at_last(context: OpExecutionContext) -> int:
    if context.retry_number < 2:
        raise RuntimeError(f"attempt {context.retry_number} fails")
    return context.retry_number


@job(executor_def=taskiq_executor)
def retries() -> None:
    pass_on(succeeds_at_last())


@op(out=Out(Nothing))
def well_named() -> None:
    """Store nothing: no file could bear the other one's name."""


@job(name="j" * 256, executor_def=taskiq_executor)
def has_a_long_name() -> None:
    well_named.alias("n" * 2_001)()
    well_named()


@op(out=Out(Nothing), tags={"taskiq/group": "n" * 1_100_000})
def large() -> None: ...


@job(executor_def=taskiq_executor)
def has_a_large_tag() -> None:
    large()
    well_named()


class Weather(Config):
    fair: bool = True


@op
def fails_in_foul_weather(config: Weather, numbers: list[int]) -> int:
    if not config.fair:
        raise RuntimeError("foul weather")
    if sum(numbers) != 3:
        raise ValueError(f"expected three ones, got {numbers}")
    return 3


@job(executor_def=taskiq_executor)
def reexecutes() -> None:
    left, _ = split()
    counted = count(left.map(pass_on).collect())
    expect_three.alias("expect_count")(counted)
    expect_three(fails_in_foul_weather([one.alias(f"one_{n}")() for n in range(3)]))


class Radar(ConfigurableResource["Radar"]):
    """Is out of order until `repaired` exists."""

    repaired: str

    def setup_for_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002
        if not Path(self.repaired).exists():
            raise ConnectionError("the radar is out of order")


@op(retry_policy=RetryPolicy(max_retries=1))
def read_radar(radar: Radar) -> None: ...


@job(executor_def=taskiq_executor, resource_defs={"radar": Radar.configure_at_launch()})
def reads_radar() -> None:
    read_radar()


@op(out=Out(Nothing))
def tick() -> None: ...


@job(executor_def=taskiq_executor)
def ticks() -> None:
    tick.alias("tick_a")()
    tick.alias("tick_b")()


@op(pool="antenna")
def warm_up() -> int:
    return 1


@op(pool="antenna")
def transmit(number: int) -> int:
    return number


@job(executor_def=taskiq_executor)
def shares_antenna() -> None:
    transmit(warm_up())


@op(out=Out(Nothing), pool="press")
def press() -> None: ...


@op(out=Out(Nothing), tags={"dagster/concurrency_key": "press"})
def press_by_tag() -> None: ...


@job(executor_def=taskiq_executor)
def presses() -> None:
    press.alias("press_a")()
    press.alias("press_b")()


@job(executor_def=taskiq_executor)
def presses_by_tag() -> None:
    press_by_tag.alias("press_a")()
    press_by_tag.alias("press_b")()


@op(out=Out(Nothing), tags={"database": "one"})
def query() -> None: ...


@op(out=Out(Nothing), tags={"dagster/priority": "5"})
def urgent() -> None: ...


@job(executor_def=taskiq_executor)
def queries() -> None:
    query.alias("query_a")()
    query.alias("query_b")()
    tick()
    urgent()


@op
def overtaken() -> int:
    return 1


@op
def overtakes() -> int:
    return 2


@job(executor_def=taskiq_executor)
def races() -> None:
    pass_on.alias("after_overtaken")(overtaken())
    pass_on.alias("after_overtakes")(overtakes())
