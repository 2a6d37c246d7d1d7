"""Resources with setup and teardown, and hooks."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import (
    ConfigurableResource,
    HookContext,
    InitResourceContext,
    OpExecutionContext,
    RetryPolicy,
    failure_hook,
    job,
    op,
    resource,
    success_hook,
)


class Station(ConfigurableResource["Station"]):
    name: str = "roros"

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["Station"]:  # noqa: ARG002
        print(f"opening {self.name}")  # noqa: T201 - the compute logs are compared
        yield self
        print(f"closing {self.name}")  # noqa: T201


class Satellite(ConfigurableResource["Satellite"]):
    def setup_for_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002
        raise ConnectionError("the satellite is behind the earth")


@resource
def thermometer(context: InitResourceContext) -> Iterator[float]:
    context.log.info("warming up")
    yield -3.5
    context.log.info("cooling down")


@op
def reads_station(station: Station) -> str:
    return station.name


@op(required_resource_keys={"thermometer"})
def reads_thermometer(context: OpExecutionContext) -> float:
    return context.resources.thermometer


@op
def fails_with_station(station: Station) -> None:
    raise RuntimeError(f"{station.name} does not answer")


@op
def reads_satellite(satellite: Satellite) -> None: ...


@op(retry_policy=RetryPolicy(max_retries=1))
def reads_satellite_again(satellite: Satellite) -> None: ...


@job
def uses_resources() -> None:
    reads_station()
    reads_thermometer()
    fails_with_station()
    reads_satellite()
    reads_satellite_again()


@success_hook(required_resource_keys={"thermometer"})
def cheers(context: HookContext) -> None:
    context.log.info("%s went well at %s", context.op.name, context.resources.thermometer)


@failure_hook
def mourns(context: HookContext) -> None:
    context.log.error("%s failed: %s", context.op.name, context.op_exception)


@success_hook
def trips(context: HookContext) -> None:
    raise RuntimeError(f"the hook of {context.op.name} failed")


@op
def goes_well() -> int:
    return 1


@op
def goes_wrong() -> None:
    raise ValueError("no rain on 31 February")


@job
def has_hooks() -> None:
    # One hook each: Dagster keeps them in a set, and runs them in no order.
    goes_well.with_hooks({cheers})()
    goes_well.alias("goes_well_unmourned").with_hooks({mourns})()
    goes_wrong.with_hooks({mourns})()
    goes_well.alias("goes_well_then_trips").with_hooks({trips})()


RESOURCES = {"station": Station(), "satellite": Satellite(), "thermometer": thermometer}
JOBS = [uses_resources, has_hooks]
