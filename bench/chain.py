"""Forty steps in a row, which compute next to nothing: the rest is the way from step to step."""

from dagster import In, Nothing, Out, in_process_executor, job, op
from dagster_taskiq import taskiq_executor

STEPS = 40


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def fib_of_ten() -> None:
    """Compute the tenth Fibonacci number, the slow way."""

    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    fib(10)


def _chain() -> None:
    before = fib_of_ten.alias("fib_0")()
    for number in range(1, STEPS):
        before = fib_of_ten.alias(f"fib_{number}")(before)


chain = job(name="chain", executor_def=taskiq_executor)(_chain)
chain_in_process = job(name="chain_in_process", executor_def=in_process_executor)(_chain)
