"""Builds the boto3 client for a queue: where it connects to, in which region, how long it waits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_AWS_HOST = re.compile(r"(?:^|\.)(?:amazonaws\.com(?:\.cn)?|api\.aws)$")
_AWS_QUEUE_HOST = re.compile(r"^sqs(?:-fips)?\.([a-z0-9-]+)\.")

# A send takes milliseconds; a connection that says nothing for so long is dead. Retries are ours
# (enqueue.py): two layers of them would multiply the time a send may take.
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where SQS is. None leaves the answer to the queue URL and to boto3's own settings."""

    region: str | None = None
    endpoint_url: str | None = None


def build_client(connection: Connection, queue_url: str | None) -> SQSClient:
    """Return a client for this queue; without its URL, one that can look names up."""
    return boto3.client(
        "sqs",
        region_name=_region(connection, queue_url),
        endpoint_url=_endpoint(connection, queue_url),
        config=_CONFIG,
    )


def _region(connection: Connection, queue_url: str | None) -> str | None:
    host = urlsplit(queue_url or "").hostname or ""
    in_url = _AWS_QUEUE_HOST.match(host) if _AWS_HOST.search(host) else None
    # boto3 reads AWS_DEFAULT_REGION alone; ECS and Lambda set AWS_REGION.
    return connection.region or (in_url and in_url.group(1)) or os.environ.get("AWS_REGION")


def _endpoint(connection: Connection, queue_url: str | None) -> str | None:
    if connection.endpoint_url is not None:
        return connection.endpoint_url
    if os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ.get("AWS_ENDPOINT_URL"):
        return None
    url = urlsplit(queue_url or "")
    if not url.hostname or _AWS_HOST.search(url.hostname):
        return None
    # boto3 would send to AWS whatever the queue URL says; the worker's SDK goes where it points.
    return f"{url.scheme}://{url.netloc}"
