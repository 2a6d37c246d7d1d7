"""Reads the executor's config, with the environment of the deployment behind it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from dagster import Field, IntSource, Noneable, StringSource

from dagster_taskiq.dagster_internals.producer import (
    get_retries_config,
    get_step_dependency_config_field,
    get_tag_concurrency_limits_config,
)
from dagster_taskiq.outgoing import Queue
from dagster_taskiq.signature import key_of
from dagster_taskiq.sqs_client import Connection

DEFAULT_POLL_SECONDS = 0.25

_DAGSTER_POLL_VARIABLE = "DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS"


class ConfigurationError(Exception):
    """The executor's config and the run worker's environment do not make a usable whole."""


def config_schema() -> dict[str, Field]:
    """Return the fields that the launchpad shows."""
    return {
        "queue_url": _text(
            "URL of the SQS queue that steps are sent to. A FIFO queue (its URL ends with .fifo)"
            " also removes duplicates. Set this or queue_name. Without either,"
            " TASKIQ_QUEUE_URL or else TASKIQ_QUEUE_NAME in the run worker's environment is used."
        ),
        "queue_name": _text("Name of that queue; its URL is looked up once per run."),
        "region": _text(
            "AWS region of queues given by name. By default AWS_REGION, else what boto3 is"
            " configured with. The URL of a queue on AWS names its own region, which wins."
        ),
        "endpoint_url": _text(
            "Where every request goes, whatever the queue URL says: a local SQS or a VPC endpoint."
            " By default AWS_ENDPOINT_URL_SQS or AWS_ENDPOINT_URL, unless"
            " AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true, else the host of the queue URL."
        ),
        "max_concurrent": Field(
            Noneable(IntSource),
            default_value=None,
            description=(
                "How many steps of a run may be in the queue or running at a time. No limit by"
                " default: the workers' slots limit what runs."
            ),
        ),
        "tag_concurrency_limits": get_tag_concurrency_limits_config(),
        "retries": get_retries_config(),
        "poll_interval_seconds": Field(
            Noneable(float),
            default_value=None,
            description=(
                "The longest pause after which the run worker looks for new events and launches"
                " what became ready. It looks sooner after events, and at once when PostgreSQL"
                f" notifies it. By default {_DAGSTER_POLL_VARIABLE}, else {DEFAULT_POLL_SECONDS}"
                " seconds."
            ),
        ),
        **_step_dependency_field(),
    }


def queue_of(config: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Queue:
    """Return the default queue. Raises ConfigurationError unless there is exactly one."""
    url, name = config.get("queue_url"), config.get("queue_name")
    if url and name:
        raise ConfigurationError(
            "taskiq_executor: expected either queue_url or queue_name, got both:"
            f" queue_url={url!r}, queue_name={name!r}"
        )
    if not url and not name:
        url = environment.get("TASKIQ_QUEUE_URL")
        name = None if url else environment.get("TASKIQ_QUEUE_NAME")
    if url and not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"taskiq_executor: expected queue_url to begin with https:// or http://, got {url!r}"
        )
    if not url and not name:
        raise ConfigurationError(
            "taskiq_executor: no queue. Set queue_url or queue_name in the executor's config, or"
            " TASKIQ_QUEUE_URL or TASKIQ_QUEUE_NAME in the run worker's environment"
        )
    return Queue(url=url or None, name=name or None)


def connection_of(config: Mapping[str, Any]) -> Connection:
    """Return where SQS is, as far as the config says."""
    return Connection(
        region=config.get("region") or None, endpoint_url=config.get("endpoint_url") or None
    )


def envelope_key(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key that signs messages. Raises ConfigurationError when it is not usable.

    It is read from the environment only: Dagster keeps the executor's config in its database.
    """
    try:
        return key_of(environment)
    except ValueError as error:
        raise ConfigurationError(f"taskiq_executor: {error}") from None


def max_concurrent_of(config: Mapping[str, Any]) -> int | None:
    """Return the limit. Raises ConfigurationError when it would let nothing run."""
    value: int | None = config.get("max_concurrent")
    if value is not None and value < 1:
        raise ConfigurationError(
            f"taskiq_executor: expected max_concurrent to be 1 or more, or null, got {value}"
        )
    return value


def poll_seconds_of(
    config: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> float:
    """Return the longest pause in seconds. Raises ConfigurationError when it is not above 0."""
    value = config.get("poll_interval_seconds")
    if value is not None:
        return _positive("poll_interval_seconds", value)
    text = environment.get(_DAGSTER_POLL_VARIABLE) or str(DEFAULT_POLL_SECONDS)
    return _positive(_DAGSTER_POLL_VARIABLE, text)


def _positive(name: str, value: float | str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0
    if not 0 < number < math.inf:
        raise ConfigurationError(
            f"taskiq_executor: expected {name} to be a number above 0, got {value}"
        )
    return number


def _text(description: str) -> Field:
    return Field(Noneable(StringSource), default_value=None, description=description)


def _step_dependency_field() -> dict[str, Field]:
    if get_step_dependency_config_field is None:
        return {}
    return {"step_dependency_config": get_step_dependency_config_field()}
