"""Jobs of many steps that do nothing."""

from dagster import In, JobDefinition, Nothing, Out, job, op

from dagster_taskiq import taskiq_executor


@op(out=Out(Nothing))
def tick() -> None: ...


@op(ins={"ticks": In(Nothing)})
def total() -> int:
    return 1


def job_of(name: str, steps: int) -> JobDefinition:
    """Return a job of so many steps; the last waits for all others."""

    @job(name=name, executor_def=taskiq_executor)
    def made() -> None:
        total(ticks=[tick.alias(f"tick_{number}")() for number in range(steps - 1)])

    return made
