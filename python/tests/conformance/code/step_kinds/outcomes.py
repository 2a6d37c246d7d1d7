"""How a step can end."""

from collections.abc import Iterator

from dagster import (
    Backoff,
    DagsterType,
    ExpectationResult,
    Failure,
    In,
    Jitter,
    MetadataValue,
    OpExecutionContext,
    Out,
    Output,
    RetryPolicy,
    RetryRequested,
    TypeCheck,
    job,
    op,
)

Positive = DagsterType(
    name="Positive",
    type_check_fn=lambda _, value: TypeCheck(
        success=value > 0,
        description=f"{value} must be above 0",
        metadata={"value": value},
    ),
)


@op
def succeeds() -> int:
    return 1


@op
def fails() -> int:
    try:
        return int("rain")
    except ValueError as error:
        raise RuntimeError("no rain on 31 February") from error


@op
def after_failure(number: int) -> int:
    return number


@op(retry_policy=RetryPolicy(max_retries=2))
def fails_for_good() -> None:
    raise Failure(
        description="the station is closed",
        metadata={"since": "2019", "distance": MetadataValue.float(1.5)},
        allow_retries=False,
    )


@op
def asks_for_a_retry(context: OpExecutionContext) -> int:
    if context.retry_number == 0:
        raise RetryRequested(max_retries=2, seconds_to_wait=0.05)
    return context.retry_number


@op(
    retry_policy=RetryPolicy(
        max_retries=2, delay=0.02, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS
    )
)
def backs_off_with_jitter(context: OpExecutionContext) -> int:
    if context.retry_number < 2:
        raise ConnectionError(f"attempt {context.retry_number} got no answer")
    return context.retry_number


@op(retry_policy=RetryPolicy(max_retries=1, delay=0.02, backoff=Backoff.LINEAR))
def uses_up_its_retries(context: OpExecutionContext) -> None:
    raise ConnectionError(f"attempt {context.retry_number} got no answer")


@op(out=Out(Positive))
def makes_a_wrong_type() -> int:
    return -1


@op(out=Out(Positive))
def makes_a_right_type() -> int:
    return 1


@op
def makes_minus_one() -> int:
    return -1


@op(ins={"number": In(Positive)})
def takes_a_wrong_type(number: int) -> int:
    return number


@op
def expects() -> Iterator[ExpectationResult | Output[int]]:
    yield ExpectationResult(success=True, label="not empty", metadata={"rows": 3})
    yield ExpectationResult(success=False, label="no gaps", description="2 rows are missing")
    yield Output(1, metadata={"rows": 3})


@job
def ends() -> None:
    succeeds()
    after_failure(fails())
    fails_for_good()
    asks_for_a_retry()
    backs_off_with_jitter()
    uses_up_its_retries()
    makes_a_wrong_type()
    makes_a_right_type()
    takes_a_wrong_type(makes_minus_one())
    expects()


JOBS = [ends]
