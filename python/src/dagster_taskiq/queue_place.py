"""Where a queue is, read from its URL: the worker's rule (`core/queue/queue-place.ts`) in Python.

`fixtures/aws/queue-places.json` has the table that both follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

# `dnsSuffix` and `dualStackDnsSuffix` of every partition in botocore's partitions.json.
_DNS_SUFFIXES = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
_DUAL_STACK_SUFFIXES = (
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "api.aws.ic.gov",
    "api.aws.scloud",
    "api.cloud-aws.adc-e.uk",
    "api.aws.hci.ic.gov",
)

_REGIONAL = re.compile(r"sqs\.[a-z0-9-]+")
# FIPS endpoints and interface endpoints of a VPC.
_PARTICULAR = re.compile(r"(?:vpce-[a-z0-9-]+\.)?sqs(?:-fips)?\.([a-z0-9-]+)(?:\.vpce)?")
# From before queue URLs had today's form; without a region it is the first one.
_LEGACY = re.compile(r"(?:([a-z0-9-]+)\.)?queue")


@dataclass(frozen=True, kw_only=True)
class QueuePlace:
    """Where a queue is asked.

    `None` as region means that the URL names none. `None` as endpoint means AWS's usual one, which
    boto3 knows.
    """

    aws: bool
    region: str | None
    endpoint: str | None


def place_of(queue_url: str) -> QueuePlace:
    """Return where requests for this queue go, and the region that they are signed for."""
    url = urlsplit(queue_url)
    host = url.hostname or ""
    origin = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
    suffixes = _DNS_SUFFIXES + _DUAL_STACK_SUFFIXES
    suffix = next((one for one in suffixes if host.endswith(f".{one}")), None)
    if suffix is None:
        return QueuePlace(aws=False, region=None, endpoint=origin)
    name = host.removesuffix(f".{suffix}")
    legacy, particular = _LEGACY.fullmatch(name), _PARTICULAR.fullmatch(name)
    region = (legacy.group(1) or "us-east-1") if legacy else particular and particular.group(1)
    usual = url.scheme == "https" and url.port is None and suffix in _DNS_SUFFIXES
    found_by_region = usual and bool(legacy or _REGIONAL.fullmatch(name))
    return QueuePlace(aws=True, region=region, endpoint=None if found_by_region else origin)
