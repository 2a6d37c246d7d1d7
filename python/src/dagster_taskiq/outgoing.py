"""What the run worker sends to SQS: one message for each step, up to ten of them in a request."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster_taskiq.envelope import GROUP_TAG, Envelope, sqs_group_id
from dagster_taskiq.signature import attributes_of

# SQS's limit in bytes on a message, and on all messages of a request. Attributes count with their
# names and types.
MAX_MESSAGE_BYTES = 1_048_576
MAX_BATCH = 10

Warn = Callable[[str], None]


class EnqueueError(Exception):
    """A step could not be put on its queue."""


class TooLargeError(EnqueueError):
    """SQS takes no message of that size."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The queue that steps go to unless a tag says otherwise: exactly one of the two is set."""

    url: str | None = None
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Queue:
        """Read a URL or a name."""
        return cls(url=text) if text.startswith(("http://", "https://")) else cls(name=text)

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order within a group."""
        return str(self).endswith(".fifo")

    def __str__(self) -> str:
        return self.url or self.name or ""


def new_deduplication_id() -> str:
    """Return an id that no other sender can use up: SQS drops what comes under a known one."""
    return secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class Message:
    """One step on its way. A FIFO queue takes one message of a deduplication id."""

    envelope: Envelope
    queue: Queue
    warn: Warn
    """Logs a retry."""
    key: str | None = None
    """Signs the body."""
    deduplication_id: str = field(default_factory=new_deduplication_id)
    body: str = field(init=False)
    attributes: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Write the body. Raises TooLargeError when SQS would not take it."""
        object.__setattr__(self, "body", self.envelope.to_json())
        object.__setattr__(self, "attributes", attributes_of(self.body, self.key))
        if self.size > MAX_MESSAGE_BYTES:
            raise TooLargeError(_too_large(self))

    @property
    def size(self) -> int:
        """Bytes that count against SQS's limit."""
        texts = (f"{name}String{text}" for name, text in self.attributes.items())
        return len(self.body) + sum(map(len, texts))

    @property
    def step(self) -> str:
        """Name the step for a person."""
        return f"step {self.envelope.step_key} (attempt {self.envelope.retry_count})"

    def fields(self, queue_url: str) -> dict[str, Any]:
        """Return what SendMessage takes beside the queue's URL."""
        return {
            "MessageBody": self.body,
            **_attributes_field(self.attributes),
            **_routing(self.envelope, queue_url, self.deduplication_id),
        }


def batches_of(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Divide into requests: of one queue, ten messages, one mebibyte.

    On a FIFO queue a request has one message of a group. SQS may take a part of a request only,
    and a later message must not get ahead while an earlier one is tried again.
    """
    left = list(messages)
    while left:
        batch: list[Message] = []
        groups: set[str] = set()
        later: list[Message] = []
        size = 0
        for message in left:
            group = message.envelope.group_id
            room = len(batch) < MAX_BATCH and size + message.size <= MAX_MESSAGE_BYTES
            if message.queue == left[0].queue and room and group not in groups:
                batch.append(message)
                size += message.size
            else:
                later.append(message)
            if message.queue.is_fifo:
                groups.add(group)
        yield batch
        left = later


def _attributes_field(attributes: Mapping[str, str]) -> dict[str, Any]:
    if not attributes:
        return {}
    typed = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
    return {"MessageAttributes": typed}


def _routing(envelope: Envelope, queue_url: str, deduplication_id: str) -> dict[str, Any]:
    if queue_url.endswith(".fifo"):
        return {
            "MessageGroupId": envelope.group_id,
            "MessageDeduplicationId": deduplication_id,
        }
    # On a standard queue the group is the tenant of SQS's fair queues: a run with thousands of
    # steps does not keep the others waiting. The ledger recognises duplicates, SQS does not.
    return {"MessageGroupId": sqs_group_id(envelope.tags.get(GROUP_TAG) or envelope.run_id)}


def _too_large(message: Message) -> str:
    tags = sum(len(name) + len(value) for name, value in message.envelope.tags.items())
    step, run_id = message.step, message.envelope.run_id
    return (
        f"{step[0].upper()}{step[1:]} of run {run_id} does not fit in a message for queue"
        f" {message.queue}: {message.size} bytes, SQS takes {MAX_MESSAGE_BYTES}."
        f" The op's taskiq/… tags are {tags} bytes of it. Shorten them."
    )
