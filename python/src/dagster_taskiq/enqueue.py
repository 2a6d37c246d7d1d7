"""Sends envelopes to SQS, and keeps trying for a while: a send that fails ends the whole run."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dagster_taskiq.backoff import doubled
from dagster_taskiq.deadline import within
from dagster_taskiq.envelope import GROUP_TAG, Envelope, sqs_group_id
from dagster_taskiq.send_troubles import (
    TROUBLES,
    OddAnswerError,
    cause_of,
    is_of_credentials,
    may_pass,
)
from dagster_taskiq.signature import attributes_of
from dagster_taskiq.sqs_client import Connection, Site, build_client, new_session, site_of

if TYPE_CHECKING:
    import boto3
    from types_boto3_sqs import SQSClient

QUEUE_TAG = "taskiq/queue"

# SQS's limit in bytes, on body and attributes together: their names, types and texts.
MAX_MESSAGE_BYTES = 1_048_576

Warn = Callable[[str], None]


class EnqueueError(Exception):
    """A step could not be put on its queue."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The queue that steps go to unless a tag says otherwise: exactly one of the two is set."""

    url: str | None = None
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Queue:
        """Read a URL or a name."""
        return cls(url=text) if text.startswith(("http://", "https://")) else cls(name=text)

    def __str__(self) -> str:
        return self.url or self.name or ""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on after throttles, connection errors, 5xx answers, and without credentials.

    All in seconds.
    """

    first_wait: float = 0.5
    longest_wait: float = 10.0
    give_up_after: float = 60.0
    longest_try: float = 20.0
    """With all that a try waits for: credentials, the connection, the answer."""

    def wait_after(self, tries: int) -> float:
        """Return the seconds to wait after so many tries: exponential, with full jitter."""
        limit = doubled(self.first_wait, self.longest_wait, tries - 1)
        return random.uniform(0, limit)  # noqa: S311 - jitter, no secret


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What SQS took."""

    queue_url: str
    message_id: str


def new_deduplication_id() -> str:
    """Return an id that no other sender can use up: SQS drops what comes under a known one."""
    return secrets.token_hex(16)


class EnvelopeSender:
    """Keeps the SQS clients and the URLs of queues given by name, made on first use.

    Each client finds its credentials when it is made and keeps them until they expire. When none
    were found, or AWS refuses them, everything is made anew for the next try.
    """

    def __init__(
        self,
        queue: Queue,
        connection: Connection,
        patience: Patience = Patience(),
        key: str | None = None,
    ) -> None:
        self._key = key
        self._queue = queue
        self._connection = connection
        self._patience = patience
        self._urls: dict[str, str] = {}
        self._session: boto3.Session | None = None
        self._clients: dict[Site, SQSClient] = {}

    def queue_for(self, envelope: Envelope) -> Queue:
        """Return the queue this envelope goes to: the step's tag `taskiq/queue` or the default."""
        tag = envelope.tags.get(QUEUE_TAG)
        return Queue.parse(tag) if tag else self._queue

    def send(self, envelope: Envelope, warn: Warn, deduplication_id: str | None = None) -> Sent:
        """Send, and report each retry to `warn`. Raises EnqueueError: step, queue and cause.

        A FIFO queue takes one message of a deduplication id. A send without one gets its own.
        """
        queue = self.queue_for(envelope)
        body = envelope.to_json()
        attributes = attributes_of(body, self._key)
        size = len(body) + sum(len(f"{name}String{text}") for name, text in attributes.items())
        if size > MAX_MESSAGE_BYTES:
            raise EnqueueError(_too_large(envelope, queue, size))
        asked = {"MessageBody": body, **_attributes_field(attributes)}
        once = deduplication_id or new_deduplication_id()
        give_up_at = time.monotonic() + self._patience.give_up_after
        tries = 0
        while True:
            tries += 1
            try:
                send = partial(self._send_once, envelope, queue, asked, once)
                return within(self._patience.longest_try, send)
            # ValueError: the URL is none, which the client says when it is made.
            except (*TROUBLES, ValueError) as error:
                if is_of_credentials(error):
                    self._session, self._clients = None, {}
                wait = self._patience.wait_after(tries)
                if not may_pass(error) or time.monotonic() + wait > give_up_at:
                    raise EnqueueError(_failed(envelope, queue, error, tries)) from error
                warn(f"{_failed(envelope, queue, error, tries)}. Trying again in {wait:.1f} s.")
                time.sleep(wait)

    def _send_once(
        self, envelope: Envelope, queue: Queue, message: dict[str, Any], deduplication_id: str
    ) -> Sent:
        # A queue given by name is asked where its name is: its URL may not be reachable from here.
        client = self._client(queue.url)
        url = queue.url or self._look_up(client, str(queue.name))
        send = client.send_message
        asked = {"QueueUrl": url, **message, **_routing(envelope, url, deduplication_id)}
        return Sent(queue_url=url, message_id=_text_in_answer(send, asked, "MessageId"))

    def _look_up(self, client: SQSClient, name: str) -> str:
        if name not in self._urls:
            look_up = client.get_queue_url
            self._urls[name] = _text_in_answer(look_up, {"QueueName": name}, "QueueUrl")
        return self._urls[name]

    def _client(self, queue_url: str | None) -> SQSClient:
        session, clients = self._session, self._clients
        if session is None:
            session = self._session = new_session()
        site = site_of(self._connection, queue_url)
        if site not in clients:
            clients[site] = build_client(session, site)
        return clients[site]


def _text_in_answer(call: Callable[..., Any], asked: dict[str, Any], name: str) -> str:
    try:
        text = call(**asked).get(name)
    except (BotoCoreError, ClientError):
        raise
    except Exception as error:
        # botocore's parsers take any JSON for an object of the right shape.
        raise OddAnswerError(f"no answer of SQS's: {error!r}") from error
    if not isinstance(text, str) or text == "":
        raise OddAnswerError(f"no answer of SQS's: it has no {name}")
    return text


def _attributes_field(attributes: dict[str, str]) -> dict[str, Any]:
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


def _failed(envelope: Envelope, queue: Queue, error: Exception, tries: int) -> str:
    counted = "1 try" if tries == 1 else f"{tries} tries"
    return (
        f"Could not send step {envelope.step_key} (attempt {envelope.retry_count}) of run "
        f"{envelope.run_id} to queue {queue} after {counted}: {cause_of(error)}"
    )


def _too_large(envelope: Envelope, queue: Queue, size: int) -> str:
    tags = sum(len(name) + len(value) for name, value in envelope.tags.items())
    return (
        f"Step {envelope.step_key} (attempt {envelope.retry_count}) of run {envelope.run_id} does "
        f"not fit in a message for queue {queue}: {size} bytes, SQS takes {MAX_MESSAGE_BYTES}. "
        f"The op's taskiq/… tags are {tags} bytes of it. Shorten them."
    )
