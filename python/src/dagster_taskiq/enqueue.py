"""Sends messages to SQS, and keeps trying for a while: a send that fails ends the whole run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dagster_taskiq.backoff import doubled
from dagster_taskiq.deadline import within
from dagster_taskiq.envelope import Envelope
from dagster_taskiq.outgoing import EnqueueError, Message, Queue, Warn, batches_of
from dagster_taskiq.send_troubles import (
    TROUBLES,
    OddAnswerError,
    cause_of,
    is_of_credentials,
    may_pass,
)
from dagster_taskiq.sqs_client import Connection, Site, build_client, new_session, site_of

if TYPE_CHECKING:
    import boto3
    from types_boto3_sqs import SQSClient

QUEUE_TAG = "taskiq/queue"


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


# What a try came to, for one message: nothing when SQS took it.
_Trouble = tuple[Message, Exception]


class EnvelopeSender:
    """Keeps the SQS clients and the URLs of queues given by name, made on first use.

    Each client finds its credentials when it is made and keeps them until they expire. When none
    were found, or AWS refuses them, everything is made again for the next try.
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

    def message(
        self, envelope: Envelope, warn: Warn, deduplication_id: str | None = None
    ) -> Message:
        """Address and sign an envelope. Raises TooLargeError.

        It goes to the queue of the step's tag `taskiq/queue`, or else to the default one. It gets
        a deduplication id of its own, unless it was sent before.
        """
        tag = envelope.tags.get(QUEUE_TAG)
        queue = Queue.parse(tag) if tag else self._queue
        known = {} if deduplication_id is None else {"deduplication_id": deduplication_id}
        return Message(envelope=envelope, queue=queue, warn=warn, key=self._key, **known)

    def send(self, messages: Sequence[Message]) -> None:
        """Send them all, up to ten in a request. Raises EnqueueError: step, queue and cause.

        What SQS does not take for good keeps no other message from being sent. But the run ends
        then, so the others only get what is left of the time that the first failure took.
        """
        failed: list[EnqueueError] = []
        give_up_at = 0.0
        for batch in batches_of(messages):
            if not failed:
                give_up_at = time.monotonic() + self._patience.give_up_after
            failed += self._send_batch(batch, give_up_at)
        if failed:
            raise failed[0]

    def _send_batch(self, batch: list[Message], give_up_at: float) -> list[EnqueueError]:
        failed: list[EnqueueError] = []
        tries = 0
        while batch:
            tries += 1
            try:
                troubles = within(self._patience.longest_try, partial(self._try, batch))
            # ValueError: the URL is none, which the client says when it is made.
            except (*TROUBLES, ValueError) as error:
                if len(batch) > 1 and not may_pass(error):
                    # Alone, those that SQS would take are taken, and the others get its reason.
                    for one in batch:
                        failed += self._send_batch([one], give_up_at)
                    return failed
                troubles = [(message, error) for message in batch]
            wait = self._patience.wait_after(tries)
            is_late = time.monotonic() + wait > give_up_at
            batch = []
            for cause, messages in _by_cause(troubles):
                text = _failed(messages, cause, tries)
                if is_late or not may_pass(cause):
                    failed.append(_caused(EnqueueError(text), cause))
                    continue
                if is_of_credentials(cause):
                    self._session, self._clients = None, {}
                messages[0].warn(f"{text}. Trying again in {wait:.1f} s.")
                batch += messages
            if batch:
                time.sleep(wait)
        return failed

    def _try(self, batch: Sequence[Message]) -> list[_Trouble]:
        """Make one request. Return what SQS did not take of it, and raise if it took nothing."""
        # A queue given by name is asked where its name is: its URL may not be reachable from here.
        queue = batch[0].queue
        client = self._client(queue.url)
        url = queue.url or self._look_up(client, str(queue.name))
        if len(batch) == 1:
            asked = {"QueueUrl": url, **batch[0].fields(url)}
            _text_in(_answer(client.send_message, asked), "MessageId")
            return []
        entries = [{"Id": str(n), **message.fields(url)} for n, message in enumerate(batch)]
        answer = _answer(client.send_message_batch, {"QueueUrl": url, "Entries": entries})
        ends = _ends_of_entries(answer)
        return [
            (message, error)
            for n, message in enumerate(batch)
            if (error := ends.get(str(n), _UNANSWERED)) is not None
        ]

    def _look_up(self, client: SQSClient, name: str) -> str:
        if name not in self._urls:
            answer = _answer(client.get_queue_url, {"QueueName": name})
            self._urls[name] = _text_in(answer, "QueueUrl")
        return self._urls[name]

    def _client(self, queue_url: str | None) -> SQSClient:
        session, clients = self._session, self._clients
        if session is None:
            session = self._session = new_session()
        site = site_of(self._connection, queue_url)
        if site not in clients:
            clients[site] = build_client(session, site)
        return clients[site]


_UNANSWERED = OddAnswerError("SQS did not answer for this message of the request")


def _answer(call: Callable[..., Any], asked: dict[str, Any]) -> Mapping[str, Any]:
    try:
        answer = call(**asked)
    except (BotoCoreError, ClientError):
        raise
    except Exception as error:
        # botocore's parsers take any JSON for an object of the right shape.
        raise OddAnswerError(f"cannot read SQS's answer: {error!r}") from error
    if not isinstance(answer, Mapping):
        raise OddAnswerError(f"cannot read SQS's answer: {answer!r}")
    return answer


def _text_in(answer: Mapping[str, Any], name: str) -> str:
    text = answer.get(name)
    if not isinstance(text, str) or text == "":
        raise OddAnswerError(f"SQS's answer has no {name}")
    return text


def _ends_of_entries(answer: Mapping[str, Any]) -> dict[Any, Exception | None]:
    """Return what became of each entry: None if SQS took it."""
    ends: dict[Any, Exception | None] = {}
    try:
        for taken in answer.get("Successful") or ():
            _text_in(taken, "MessageId")
            ends[taken["Id"]] = None
        for refused in answer.get("Failed") or ():
            ends[refused["Id"]] = _refusal(refused)
    except (AttributeError, KeyError, TypeError) as error:
        raise OddAnswerError(f"cannot read SQS's answer: {error!r}") from error
    return ends


def _refusal(entry: Mapping[str, Any]) -> ClientError:
    """Return what SendMessage would have raised."""
    status = 400 if entry.get("SenderFault") else 500
    detail = {"Code": entry["Code"], "Message": entry.get("Message") or "no message"}
    response = {"Error": detail, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "SendMessageBatch")  # type: ignore[arg-type]


def _by_cause(troubles: list[_Trouble]) -> Iterator[tuple[Exception, list[Message]]]:
    for _, group in groupby(troubles, key=lambda trouble: cause_of(trouble[1])):
        alike = list(group)
        yield alike[0][1], [message for message, _ in alike]


def _caused(error: EnqueueError, cause: Exception) -> EnqueueError:
    error.__cause__ = cause
    return error


def _failed(messages: Sequence[Message], error: Exception, tries: int) -> str:
    counted = "1 try" if tries == 1 else f"{tries} tries"
    first, more = messages[0], len(messages) - 1
    others = f" and {more} more" if more else ""
    return (
        f"Could not send {first.step}{others} of run {first.envelope.run_id}"
        f" to queue {first.queue} after {counted}: {cause_of(error)}"
    )
