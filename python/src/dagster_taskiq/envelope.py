"""The message contract, version 1, between the executor that sends and the step host.

Pure, standard library only, because the step host imports it before anything else. ARCHITECTURE.md
has the contract, fixtures/envelopes the golden files that the TypeScript decoder is tested against.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dagster_taskiq.wire_fields import (
    Fields,
    count_field,
    instant_field,
    is_delay,
    is_number,
    require,
    run_id_field,
    short_field,
    step_key_field,
    text_field,
    texts_field,
)

VERSION = 1
GROUP_TAG = "taskiq/group"

RetryModeName = Literal["deferred", "disabled"]

# In UTF-8 bytes.
LONGEST_JOB = 255

# What older producers do not say, and the most bytes of it.
_OPTIONAL = {"instance": 255, "dagster": 100, "dagster_taskiq": 100, "job": LONGEST_JOB}

# What SQS takes as a message group id: 1 to 128 letters, digits and ASCII punctuation.
_GROUP_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, kw_only=True)
class OnFault:
    """What the op's RetryPolicy says should the machinery, not the op, fail this attempt."""

    retry_in: float
    """Seconds until the next attempt may start."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Names one attempt of one step, with what a worker cannot learn from the run record."""

    run_id: str
    step_key: str
    op_name: str | None
    retry_count: int
    """Dagster's attempt, 0 first."""
    retry_mode: RetryModeName
    on_fault: OnFault | None
    """None: no retry is left, a fault of the machinery ends the step."""
    enqueued_at: float | None
    """Unix seconds; None when the producer does not say."""
    tags: Mapping[str, str] = field(default_factory=dict)
    instance: str | None = None
    """Identity of the Dagster instance that the run belongs to; None when it is not known."""
    dagster: str | None = None
    """Version of Dagster in the run worker; None when the producer does not say."""
    dagster_taskiq: str | None = None
    """Version of this package in the run worker; None when the producer does not say."""
    job: str | None = None
    """Name of the run's job; None when it is too long, or the producer does not say."""

    @property
    def idempotency_key(self) -> str:
        """Name the attempt in the ledger."""
        return idempotency_key(self.run_id, self.step_key, self.retry_count)

    @property
    def group_id(self) -> str:
        """MessageGroupId on a FIFO queue: by tag, else one per step so that steps run at once."""
        return sqs_group_id(self.tags.get(GROUP_TAG) or f"{self.run_id}:{self.step_key}")

    def to_dict(self) -> dict[str, Any]:
        """Return all fields under their wire names."""
        return {
            "version": VERSION,
            "run_id": self.run_id,
            "step_key": self.step_key,
            "op_name": self.op_name,
            "retry_count": self.retry_count,
            # Hosts of the version before take what they know from it, or from the event log.
            "known_state": None,
            "retry_mode": self.retry_mode,
            "on_fault": None if self.on_fault is None else {"retry_in": self.on_fault.retry_in},
            "enqueued_at": self.enqueued_at,
            "tags": dict(self.tags),
            **{name: text for name in _OPTIONAL if (text := getattr(self, name)) is not None},
        }

    def to_json(self) -> str:
        """Return the message body: ASCII, so it has no character that SQS refuses."""
        return json.dumps(self.to_dict(), ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, fields: Fields) -> Envelope:
        """Read a decoded body or frame. Raises WireError that names the first wrong field."""
        version = fields.get("version")
        require(fields, "version", str(VERSION), is_number(version) and version == VERSION)
        return cls(
            run_id=run_id_field(fields),
            step_key=step_key_field(fields),
            op_name=text_field(fields, "op_name"),
            retry_count=count_field(fields, "retry_count"),
            retry_mode=_retry_mode(fields),
            on_fault=_on_fault(fields),
            enqueued_at=instant_field(fields, "enqueued_at"),
            tags=texts_field(fields, "tags"),
            **{name: _optional(fields, name) for name in _OPTIONAL},
        )


def idempotency_key(run_id: str, step_key: str, attempt: int) -> str:
    """Name an attempt in the ledger; attempt 0 bears no suffix, as with older producers."""
    key = f"{run_id}:{step_key}"
    return key if attempt == 0 else f"{key}:{attempt}"


def sqs_group_id(text: str) -> str:
    """Return `text` if SQS takes it as a message group id, its SHA-256 in hex otherwise."""
    return text if _GROUP_ID.fullmatch(text) else _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _optional(fields: Fields, name: str) -> str | None:
    return None if fields.get(name) is None else short_field(fields, name, _OPTIONAL[name])


def _retry_mode(fields: Fields) -> RetryModeName:
    value = fields.get("retry_mode")
    require(fields, "retry_mode", "'deferred' or 'disabled'", value in ("deferred", "disabled"))
    return "disabled" if value == "disabled" else "deferred"


def _on_fault(fields: Fields) -> OnFault | None:
    value = fields.get("on_fault")
    if value is None:
        return None
    holds = isinstance(value, Mapping) and is_delay(value.get("retry_in"))
    require(fields, "on_fault", "{'retry_in': seconds, a year at most} or null", holds)
    return OnFault(retry_in=value["retry_in"])
