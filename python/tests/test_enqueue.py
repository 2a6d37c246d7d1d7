"""Sending over HTTP to a server that fails in SQS's ways."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from dagster_taskiq.enqueue import EnvelopeSender, Patience
from dagster_taskiq.envelope import Envelope
from dagster_taskiq.outgoing import MAX_MESSAGE_BYTES, EnqueueError, Queue, Warn
from dagster_taskiq.signature import SIGNATURE_ATTRIBUTE, signature_of
from dagster_taskiq.sqs_client import Connection
from sqs_double import SqsDouble, answer_html, answer_json, drop_connection, lose_answer, refuse

QUICK = Patience(first_wait=0.001, longest_wait=0.01, give_up_after=20)


def envelope(**changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "run_id": "run-1",
        "step_key": "measure[oslo]",
        "op_name": "measure",
        "retry_count": 0,
        "retry_mode": "deferred",
        "on_fault": None,
        "enqueued_at": 1.5,
    }
    return Envelope(**{**fields, **changes})


KEY = "0123456789abcdef" * 2


def sender(queue: Queue, patience: Patience = QUICK, **connection: str) -> EnvelopeSender:
    return EnvelopeSender(queue, Connection(**connection), patience)


def send(
    sender: EnvelopeSender, sent: Envelope, warn: Warn = pytest.fail, once: str | None = None
) -> None:
    sender.send([sender.message(sent, warn, once)])


def test_a_fifo_message_has_a_group_and_a_deduplication_id(sqs: SqsDouble) -> None:
    to_fifo = sender(Queue(url=sqs.url("steps.fifo")))
    send(to_fifo, envelope(), pytest.fail, "a-b-c")
    (message,) = sqs.messages
    assert (message.queue, message.body) == ("steps.fifo", envelope().to_json())
    assert (message.group_id, message.dedup_id) == ("run-1:measure[oslo]", "a-b-c")


def test_with_a_key_the_body_is_signed_beside_it(sqs: SqsDouble) -> None:
    signing = EnvelopeSender(Queue(url=sqs.url("steps.fifo")), Connection(), QUICK, key=KEY)
    send(signing, envelope(), warn=pytest.fail)
    send(sender(Queue(url=sqs.url("steps"))), envelope(), warn=pytest.fail)
    signed, unsigned = sqs.messages
    value = {"DataType": "String", "StringValue": signature_of(signed.body, KEY)}
    assert signed.attributes == {SIGNATURE_ATTRIBUTE: value}
    assert signed.body == unsigned.body
    assert unsigned.attributes == {}


def test_the_signature_counts_against_what_a_message_may_hold(sqs: SqsDouble) -> None:
    room = MAX_MESSAGE_BYTES - len(envelope(tags={"taskiq/note": ""}).to_json())
    fits = envelope(tags={"taskiq/note": "n" * room})
    assert len(fits.to_json()) == MAX_MESSAGE_BYTES
    queue = Queue(url=sqs.url("steps.fifo"))
    with pytest.raises(EnqueueError, match=f"{MAX_MESSAGE_BYTES + 89} bytes"):
        send(EnvelopeSender(queue, Connection(), QUICK, key=KEY), fits, warn=pytest.fail)
    assert sqs.messages == []


def test_sending_twice_under_one_deduplication_id_leaves_one_message(sqs: SqsDouble) -> None:
    twice = sender(Queue(url=sqs.url("steps.fifo")))
    send(twice, envelope(), pytest.fail, "first")
    send(twice, envelope(enqueued_at=2.5), pytest.fail, "first")
    send(twice, envelope(retry_count=1), pytest.fail, "second")
    assert [message.body for message in sqs.messages] == [
        envelope().to_json(),
        envelope(retry_count=1).to_json(),
    ]


def test_the_deduplication_id_of_a_send_cannot_be_foreseen(sqs: SqsDouble) -> None:
    to_fifo = sender(Queue(url=sqs.url("steps.fifo")))
    send(to_fifo, envelope(), pytest.fail)
    send(to_fifo, envelope(), pytest.fail)
    first, second = (str(message.dedup_id) for message in sqs.messages)
    assert first != second
    assert len(bytes.fromhex(first)) == 16


@pytest.mark.parametrize(
    ("tags", "fifo_group", "standard_group"),
    [
        ({}, "run-1:measure[oslo]", "run-1"),
        ({"taskiq/group": "oslo-api"}, "oslo-api", "oslo-api"),
    ],
)
def test_a_group_comes_from_the_run_the_step_or_a_tag(
    sqs: SqsDouble, tags: dict[str, str], fifo_group: str, standard_group: str
) -> None:
    for queue in ("steps.fifo", "steps"):
        send(sender(Queue(url=sqs.url(queue))), envelope(tags=tags), warn=pytest.fail)
    fifo, standard = sqs.messages
    assert fifo.group_id == fifo_group
    assert (standard.group_id, standard.dedup_id) == (standard_group, None)


def test_queue_by_name_is_looked_up_once(sqs: SqsDouble) -> None:
    by_name = sender(Queue(name="steps.fifo"), endpoint_url=sqs.endpoint)
    send(by_name, envelope(), warn=pytest.fail)
    send(by_name, envelope(retry_count=1), warn=pytest.fail)
    assert sqs.requests == ["GetQueueUrl", "SendMessage", "SendMessage"]
    assert [message.queue for message in sqs.messages] == ["steps.fifo", "steps.fifo"]


@pytest.mark.parametrize("form", ["name", "url"])
def test_a_tag_sends_the_step_elsewhere(sqs: SqsDouble, form: str) -> None:
    elsewhere = "other.fifo" if form == "name" else sqs.url("other.fifo")
    usual = sender(Queue(url=sqs.url("steps.fifo")), endpoint_url=sqs.endpoint)
    send(usual, envelope(tags={"taskiq/queue": elsewhere}), warn=pytest.fail)
    assert [message.queue for message in sqs.messages] == ["other.fifo"]


@pytest.mark.parametrize(
    "fault",
    [
        refuse(400, "RequestThrottled"),
        refuse(400, "ThrottlingException"),
        refuse(503, "ServiceUnavailable"),
        refuse(500, "InternalFailure"),
        drop_connection,
        answer_html,
    ],
)
def test_a_send_is_tried_again_after_an_error_that_may_pass(sqs: SqsDouble, fault: Any) -> None:
    sqs.faults += [fault, fault, fault]
    warnings: list[str] = []
    send(sender(Queue(url=sqs.url("steps.fifo"))), envelope(), warn=warnings.append)
    assert len(sqs.messages) == 1
    assert sqs.requests == ["SendMessage"] * 4
    first, *others = warnings
    assert first.startswith(
        "Could not send step measure[oslo] (attempt 0) of run run-1 to queue "
        f"{sqs.url('steps.fifo')} after 1 try: "
    )
    assert first.endswith(". Trying again in 0.0 s.")
    assert len(others) == 2


def test_a_lost_answer_leaves_one_message(sqs: SqsDouble) -> None:
    sqs.faults += [lose_answer]
    warnings: list[str] = []
    send(sender(Queue(url=sqs.url("steps.fifo"))), envelope(), warn=warnings.append)
    assert len(warnings) == 1
    assert len(sqs.messages) == 1


def test_a_send_fails_at_once_after_an_error_that_will_not_pass(sqs: SqsDouble) -> None:
    with pytest.raises(EnqueueError) as caught:
        send(sender(Queue(url=sqs.url("gone.fifo"))), envelope(), warn=pytest.fail)
    assert str(caught.value) == (
        "Could not send step measure[oslo] (attempt 0) of run run-1 to queue "
        f"{sqs.url('gone.fifo')} after 1 try: QueueDoesNotExist: The specified queue does "
        "not exist."
    )
    assert isinstance(caught.value.__cause__, ClientError)


def test_an_unknown_name_fails_at_once(sqs: SqsDouble) -> None:
    by_name = sender(Queue(name="gone"), endpoint_url=sqs.endpoint)
    with pytest.raises(EnqueueError) as caught:
        send(by_name, envelope(), warn=pytest.fail)
    assert str(caught.value) == (
        "Could not send step measure[oslo] (attempt 0) of run run-1 to queue gone after 1 try: "
        "QueueDoesNotExist: The specified queue does not exist."
    )


def test_a_send_gives_up_in_the_end() -> None:
    with SqsDouble() as closed:
        url = closed.url("steps.fifo")
    warnings: list[str] = []
    patience = Patience(first_wait=0.001, longest_wait=0.2, give_up_after=1)
    with pytest.raises(EnqueueError) as caught:
        send(sender(Queue(url=url), patience), envelope(), warn=warnings.append)
    tries = len(warnings) + 1
    assert tries > 1
    assert str(caught.value) == (
        f"Could not send step measure[oslo] (attempt 0) of run run-1 to queue {url} after "
        f"{tries} tries: EndpointConnectionError: Could not connect to the endpoint URL: "
        f'"{closed.endpoint}/"'
    )
    assert isinstance(caught.value.__cause__, EndpointConnectionError)


def test_the_waits_between_sends_grow_up_to_a_limit() -> None:
    patience = Patience(first_wait=1, longest_wait=5)
    longest = [max(patience.wait_after(tries) for _ in range(500)) for tries in range(1, 6)]
    assert all(a <= b for a, b in zip(longest, [1, 2, 4, 5, 5], strict=True))
    assert longest[-1] > 4
    assert patience.wait_after(10_000) <= 5


def test_a_message_of_one_mebibyte_is_sent(sqs: SqsDouble) -> None:
    room = MAX_MESSAGE_BYTES - len(envelope(tags={"taskiq/note": ""}).to_json())
    full = envelope(tags={"taskiq/note": "x" * room})
    send(sender(Queue(url=sqs.url("steps.fifo"))), full, pytest.fail)
    assert len(sqs.messages[0].body) == MAX_MESSAGE_BYTES


def test_a_larger_message_is_refused_and_says_what_makes_it_large(sqs: SqsDouble) -> None:
    large = envelope(tags={"taskiq/group": "oslo", "taskiq/note": "x" * 1_100_000})
    with pytest.raises(EnqueueError) as caught:
        send(sender(Queue(url=sqs.url("steps.fifo"))), large, warn=pytest.fail)
    assert str(caught.value) == (
        "Step measure[oslo] (attempt 0) of run run-1 does not fit in a message for queue "
        f"{sqs.url('steps.fifo')}: 1100218 bytes, SQS takes 1048576. The op's taskiq/… tags are "
        "1100027 bytes of it. Shorten them."
    )
    assert sqs.requests == []


ODD_ANSWERS = [
    *["{}", "[]", "null", "7", '"x"', "", "{", "[" * 100_000, '{"MessageId": null}'],
    *['{"MessageId": 7}', '{"QueueUrl": 7}', '{"QueueUrl": ""}', '{"MessageId": ""}'],
    *['{"Error": 7}', '{"__type": 7}', '{"__type": "x#y", "message": {}}'],
]


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=lambda answer: answer[:30])
@pytest.mark.parametrize("named", [False, True])
def test_an_odd_answer_is_named_in_the_error(
    sqs: SqsDouble, answer: str, status: int, named: bool
) -> None:
    sqs.faults += [answer_json(status, answer)] * 1_000
    queue = Queue(name="steps.fifo") if named else Queue(url=sqs.url("steps.fifo"))
    impatient = Patience(first_wait=0.001, longest_wait=0.002, give_up_after=0.02)
    with pytest.raises(EnqueueError, match=r"^Could not send step measure\[oslo\]") as caught:
        send(sender(queue, impatient, endpoint_url=sqs.endpoint), envelope(), warn=lambda _: None)
    assert len(str(caught.value)) < 1_000


def test_an_answer_that_was_odd_once_costs_a_try(sqs: SqsDouble) -> None:
    sqs.faults.append(answer_json(200, "{}"))
    warnings: list[str] = []
    send(sender(Queue(url=sqs.url("steps.fifo"))), envelope(), warn=warnings.append)
    assert (len(sqs.messages), len(warnings)) == (1, 1)


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "https://", "http://a b/c"])
def test_a_queue_url_that_is_not_a_url_is_named(url: str) -> None:
    with pytest.raises(EnqueueError, match="Could not send step"):
        send(sender(Queue(url=url), Patience(give_up_after=0)), envelope(), warn=lambda _: None)
