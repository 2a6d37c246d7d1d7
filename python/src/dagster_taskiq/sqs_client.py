"""Builds the boto3 client for a queue: where it connects to, in which region, how long it waits."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config

from dagster_taskiq.local_run import LOCAL_VARIABLE
from dagster_taskiq.queue_place import place_of

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from types_boto3_sqs import SQSClient

# A send takes milliseconds, so a connection that is silent for so long is dead. Retries are ours
# (enqueue.py). Two layers of them would multiply the time a send may take.
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
# With an endpoint given, boto3 refuses AWS_USE_FIPS_ENDPOINT and the like.
_AT_ITS_OWN_ENDPOINT = Config(use_fips_endpoint=False, use_dualstack_endpoint=False)

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?")
_LOCAL_FORM = "an http:// URL of this machine, such as http://127.0.0.1:9324"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where SQS is. None leaves the answer to the queue URL and to boto3's own settings."""

    region: str | None = None
    """Of queues whose URL names none."""
    endpoint_url: str | None = None
    """Where every request goes, whatever the queues' URLs say."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where the requests for a queue go. None leaves it to boto3."""

    region: str | None
    endpoint_url: str | None
    is_local: bool = False
    """It is the SQS server of `taskiq dev`, on this machine."""


def site_of(
    connection: Connection, queue_url: str | None, environment: Mapping[str, str] = os.environ
) -> Site:
    """Return where this queue is asked. Without its URL, return where names are looked up.

    The region in a URL of AWS wins, because a signature for another one is refused there.
    TASKIQ_LOCAL_SQS wins over everything. Raises ValueError when it is not on this machine.
    """
    if local := environment.get(LOCAL_VARIABLE):
        if _LOOPBACK.fullmatch(local) is None:
            raise ValueError(f"{LOCAL_VARIABLE} must be {_LOCAL_FORM}, got {local!r}")
        return Site(region="us-east-1", endpoint_url=local, is_local=True)
    configured = connection.endpoint_url or _configured_endpoint(environment)
    own, given = (place_of(url) if url else None for url in (queue_url, configured))
    # boto3 reads AWS_DEFAULT_REGION alone; ECS and Lambda set AWS_REGION.
    otherwise = connection.region or environment.get("AWS_REGION") or None
    return Site(
        region=(given.region if given else None) or (own.region if own else None) or otherwise,
        endpoint_url=configured or (own.endpoint if own else None),
    )


def new_session() -> boto3.Session:
    """Return a session that reads files and asks for credentials again, but no service model."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _data_loader())
    return boto3.Session(botocore_session=session)


@cache
def _data_loader() -> Loader:
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader


def build_client(session: boto3.Session, site: Site) -> SQSClient:
    """Return a client for the queues there. Looks for credentials, which may take any time.

    A server on this machine gets placeholder keys, as from the worker (`cli/wiring/queue.ts`): the
    credentials and the proxies of the environment are for AWS.
    """
    if site.is_local:
        return session.client(
            "sqs",
            region_name=site.region,
            endpoint_url=site.endpoint_url,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - nothing checks it
            config=_CONFIG.merge(_AT_ITS_OWN_ENDPOINT).merge(Config(proxies={})),
        )
    own = site.endpoint_url is not None
    return session.client(
        "sqs",
        region_name=site.region,
        endpoint_url=site.endpoint_url,
        config=_CONFIG.merge(_AT_ITS_OWN_ENDPOINT) if own else _CONFIG,
    )


def _configured_endpoint(environment: Mapping[str, str]) -> str | None:
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environment.get("AWS_ENDPOINT_URL_SQS") or environment.get("AWS_ENDPOINT_URL") or None
