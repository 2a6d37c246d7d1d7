"""The executor's config, as it is read and as the launchpad shows it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from dagster import DagsterInvalidConfigError, job, op, validate_run_config

from dagster_taskiq import taskiq_executor
from dagster_taskiq.outgoing import Queue
from dagster_taskiq.queue_place import place_of
from dagster_taskiq.settings import (
    ConfigurationError,
    config_schema,
    max_concurrent_of,
    poll_seconds_of,
    queue_of,
)
from dagster_taskiq.sqs_client import Connection, build_client, new_session, site_of

URL = "https://sqs.eu-north-1.amazonaws.com/123456789012/steps.fifo"


@pytest.mark.parametrize(
    ("config", "environment", "queue"),
    [
        ({"queue_url": URL}, {}, Queue(url=URL)),
        ({"queue_name": "steps.fifo"}, {}, Queue(name="steps.fifo")),
        ({"queue_name": "steps.fifo"}, {"TASKIQ_QUEUE_URL": URL}, Queue(name="steps.fifo")),
        ({}, {"TASKIQ_QUEUE_URL": URL}, Queue(url=URL)),
        ({}, {"TASKIQ_QUEUE_NAME": "steps"}, Queue(name="steps")),
        ({}, {"TASKIQ_QUEUE_URL": URL, "TASKIQ_QUEUE_NAME": "steps"}, Queue(url=URL)),
        ({}, {"TASKIQ_QUEUE_URL": "", "TASKIQ_QUEUE_NAME": "steps"}, Queue(name="steps")),
    ],
)
def test_the_queue_is_found_by_url_or_name(
    config: dict[str, str], environment: dict[str, str], queue: Queue
) -> None:
    assert queue_of(config, environment) == queue


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"queue_url": URL, "queue_name": "steps"},
            (
                "taskiq_executor: expected either queue_url or queue_name, got both:"
                f" queue_url='{URL}', queue_name='steps'"
            ),
        ),
        (
            {},
            (
                "taskiq_executor: no queue. Set queue_url or queue_name in the executor's config,"
                " or TASKIQ_QUEUE_URL or TASKIQ_QUEUE_NAME in the run worker's environment"
            ),
        ),
        (
            {"queue_url": "steps.fifo"},
            (
                "taskiq_executor: expected queue_url to begin with https:// or http://,"
                " got 'steps.fifo'"
            ),
        ),
    ],
)
def test_settings_without_a_queue_are_refused(config: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        queue_of(config, {})
    assert str(caught.value) == message


def test_limits_that_let_no_step_run_are_refused() -> None:
    assert max_concurrent_of({"max_concurrent": 1}) == 1
    assert max_concurrent_of({}) is None
    with pytest.raises(ConfigurationError) as caught:
        max_concurrent_of({"max_concurrent": 0})
    assert str(caught.value) == (
        "taskiq_executor: expected max_concurrent to be 1 or more, or null, got 0"
    )


def test_the_poll_interval_comes_from_config_then_dagster_then_the_default() -> None:
    variable = {"DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS": "2.5"}
    assert poll_seconds_of({"poll_interval_seconds": 0.1}, variable) == 0.1
    assert poll_seconds_of({}, variable) == 2.5
    assert poll_seconds_of({}, {}) == 0.25
    with pytest.raises(ConfigurationError) as caught:
        poll_seconds_of({"poll_interval_seconds": 0.0}, {})
    assert str(caught.value) == (
        "taskiq_executor: expected poll_interval_seconds to be a number above 0, got 0.0"
    )


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e400"])
def test_a_poll_interval_that_is_not_a_number_is_named_by_its_variable(text: str) -> None:
    variable = {"DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS": text}
    with pytest.raises(ConfigurationError) as caught:
        poll_seconds_of({}, variable)
    assert str(caught.value) == (
        "taskiq_executor: expected DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS"
        f" to be a number above 0, got {text}"
    )


@pytest.mark.parametrize(
    ("connection", "queue_url", "region", "endpoint"),
    [
        (Connection(), URL, "eu-north-1", "https://sqs.eu-north-1.amazonaws.com"),
        (Connection(region="us-east-2"), URL, "eu-north-1", "https://sqs.eu-north-1.amazonaws.com"),
        (Connection(), "http://127.0.0.1:4566/1/steps.fifo", "eu-north-1", "http://127.0.0.1:4566"),
        (Connection(region="us-east-2"), None, "us-east-2", "https://sqs.us-east-2.amazonaws.com"),
        (Connection(endpoint_url="http://sqs:9324"), URL, "eu-north-1", "http://sqs:9324"),
    ],
)
def test_the_client_connects_where_the_queue_is(
    connection: Connection, queue_url: str | None, region: str, endpoint: str | None
) -> None:
    client = build_client(new_session(), site_of(connection, queue_url))
    assert (client.meta.region_name, client.meta.endpoint_url) == (region, endpoint)


PLACES = json.loads((Path(__file__).parents[2] / "fixtures/aws/queue-places.json").read_text())


@pytest.mark.parametrize("row", PLACES, ids=lambda row: row["origin"])
def test_a_queue_is_asked_where_its_url_says(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    url = f"{row['origin']}/123456789012/steps.fifo"
    place = place_of(url)
    assert (place.aws, place.region, place.endpoint) == (row["aws"], row["region"], row["endpoint"])
    client = build_client(new_session(), site_of(Connection(), url))
    assert client.meta.region_name == (row["region"] or "ap-south-1")
    if row["endpoint"]:
        assert client.meta.endpoint_url == row["endpoint"]
    else:
        assert urlsplit(client.meta.endpoint_url).hostname.startswith(f"sqs.{row['region']}.")


def test_boto3_chooses_fips_unless_the_url_has_an_endpoint_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    usual = "https://sqs.us-east-1.amazonaws.com/1/steps"
    for url, host in [(usual, "sqs-fips.us-east-1.amazonaws.com"), ("http://sqs:9324/1/q", "sqs")]:
        client = build_client(new_session(), site_of(Connection(), url))
        assert urlsplit(client.meta.endpoint_url).hostname == host


def test_the_region_and_endpoint_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:4566")
    client = build_client(new_session(), site_of(Connection(), None))
    assert client.meta.region_name == "ap-south-1"
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert site_of(Connection(), "http://sqs:9324/1/q").endpoint_url == "http://sqs:9324"
    client = build_client(new_session(), site_of(Connection(), None))
    assert client.meta.endpoint_url == "https://sqs.ap-south-1.amazonaws.com"


def test_the_server_of_taskiq_dev_wins_and_gets_placeholder_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://sqs:9324")
    monkeypatch.setenv("TASKIQ_LOCAL_SQS", "http://127.0.0.1:4566")
    connection = Connection(region="eu-west-1", endpoint_url="http://elsewhere")
    client = build_client(new_session(), site_of(connection, URL))
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    assert client._request_signer._credentials.access_key == "local"


@pytest.mark.parametrize(
    "url", ["http://sqs:9324", "https://127.0.0.1:9324", "http://127.0.0.1.example", "http://[::1"]
)
def test_the_server_of_taskiq_dev_is_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("TASKIQ_LOCAL_SQS", url)
    with pytest.raises(ValueError, match="TASKIQ_LOCAL_SQS must be an http:// URL of this machine"):
        site_of(Connection(), URL)


def test_every_field_of_the_settings_is_described() -> None:
    fields = config_schema()
    assert {"queue_url", "queue_name", "region", "endpoint_url", "max_concurrent"} < set(fields)
    undescribed = [name for name, field in fields.items() if not field.description]
    assert undescribed == []
    assert not any(field.is_required for field in fields.values())


def test_a_misspelt_field_is_refused_before_the_run() -> None:
    @op
    def nothing() -> None: ...

    @job(executor_def=taskiq_executor)
    def misspelt() -> None:
        nothing()

    def validate(config: dict[str, Any]) -> Any:
        return validate_run_config(misspelt, {"execution": {"config": config}})

    with pytest.raises(DagsterInvalidConfigError, match="queue_nane"):
        validate({"queue_nane": "steps"})
