"""Several steps in one request: SQS answers for each, and none is lost or doubled."""

import json
from time import monotonic
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from dagster_taskiq.enqueue import EnvelopeSender, Patience
from dagster_taskiq.outgoing import EnqueueError, Message, Queue, batches_of
from runs import create_run, ends, executor_config, status, work_on
from sqs_double import SqsDouble, answer_json, lose_answer, refuse
from step_worker import StepWorker
from test_enqueue import envelope, sender

THROTTLED = {"Code": "RequestThrottled", "Message": "slowly", "SenderFault": True}
INTERNAL = {"Code": "InternalError", "Message": "our fault", "SenderFault": False}
REFUSED = {"Code": "InvalidMessageContents", "Message": "a bad character", "SenderFault": True}


def messages(
    to: EnvelopeSender, count: int, warnings: list[str] | None = None, **tags: str
) -> list[Message]:
    warn = pytest.fail if warnings is None else warnings.append
    numbers = range(count)
    return [
        to.message(envelope(step_key=f"step_{n}", tags=tags), warn, f"once-{n}") for n in numbers
    ]


def arrived(sqs: SqsDouble) -> list[str]:
    return [json.loads(message.body)["step_key"] for message in sqs.messages]


def steps(*numbers: int) -> list[str]:
    return [f"step_{number}" for number in numbers]


@pytest.fixture
def fifo(sqs: SqsDouble) -> EnvelopeSender:
    return sender(Queue(url=sqs.url("steps.fifo")))


def test_a_request_holds_ten_messages_and_a_single_one_is_sent_alone(
    sqs: SqsDouble, fifo: EnvelopeSender
) -> None:
    fifo.send(messages(fifo, 21))
    assert sqs.requests == ["SendMessageBatch", "SendMessageBatch", "SendMessage"]
    assert sqs.batches == [10, 10]
    assert arrived(sqs) == steps(*range(21))
    groups = [(message.group_id, message.dedup_id) for message in sqs.messages]
    assert groups == [(f"run-1:step_{n}", f"once-{n}") for n in range(21)]


@pytest.mark.parametrize("fault", [THROTTLED, INTERNAL])
def test_only_the_refused_part_of_a_batch_is_sent_again(
    sqs: SqsDouble, fifo: EnvelopeSender, fault: dict[str, Any]
) -> None:
    sqs.entry_faults += [None, fault, None, fault, None, fault]
    warnings: list[str] = []
    fifo.send(messages(fifo, 4, warnings))
    assert sqs.batches == [4, 2]
    assert arrived(sqs) == steps(0, 2, 1, 3)
    assert sqs.requests == ["SendMessageBatch", "SendMessageBatch", "SendMessage"]
    assert len(warnings) == 2
    assert warnings[0].startswith(
        "Could not send step step_1 (attempt 0) and 1 more of run run-1 to queue "
        f"{sqs.url('steps.fifo')} after 1 try: {fault['Code']}: {fault['Message']}. Trying again"
    )
    assert warnings[1].startswith("Could not send step step_3 (attempt 0) of run run-1 to queue ")


def test_a_refused_message_is_named_and_the_others_are_sent(
    sqs: SqsDouble, fifo: EnvelopeSender
) -> None:
    sqs.entry_faults += [None, REFUSED, THROTTLED]
    warnings: list[str] = []
    with pytest.raises(EnqueueError) as caught:
        fifo.send(messages(fifo, 12, warnings))
    assert str(caught.value) == (
        "Could not send step step_1 (attempt 0) of run run-1 to queue "
        f"{sqs.url('steps.fifo')} after 1 try: InvalidMessageContents: a bad character"
    )
    assert sorted(arrived(sqs)) == sorted(steps(0, *range(2, 12)))
    assert [text.partition(" of run")[0] for text in warnings] == [
        "Could not send step step_2 (attempt 0)"
    ]


def test_a_batch_whose_answer_is_lost_is_sent_again_under_the_same_ids(
    sqs: SqsDouble, fifo: EnvelopeSender
) -> None:
    sqs.faults += [lose_answer]
    warnings: list[str] = []
    fifo.send(messages(fifo, 3, warnings))
    assert sqs.batches == [3, 3]
    assert arrived(sqs) == steps(0, 1, 2)
    assert len(warnings) == 1


@pytest.mark.parametrize(
    "answer",
    [
        *["{}", "[]", "null", "7", '{"Successful": 7}', '{"Failed": [7]}', '{"Failed": [{}]}'],
        '{"Successful": [{"Id": "0"}]}',
        '{"Successful": [{"Id": "0", "MessageId": "m"}, {"Id": "9", "MessageId": "m"}]}',
        '{"Failed": [{"Id": "0", "Code": 7, "SenderFault": false}]}',
    ],
)
def test_a_message_that_an_odd_answer_leaves_open_is_sent_again(
    sqs: SqsDouble, fifo: EnvelopeSender, answer: str
) -> None:
    sqs.faults += [answer_json(200, answer)]
    warnings: list[str] = []
    first_counts = '"0", "MessageId": "m"' in answer
    fifo.send(messages(fifo, 2, warnings))
    assert arrived(sqs) == (steps(1) if first_counts else steps(0, 1))
    assert warnings


@pytest.mark.parametrize("code", ["BatchRequestTooLong", "UnsupportedOperation", "AccessDenied"])
def test_a_batch_that_is_refused_as_a_whole_is_sent_one_by_one(
    sqs: SqsDouble, fifo: EnvelopeSender, code: str
) -> None:
    sqs.faults += [refuse(400, code)]
    fifo.send(messages(fifo, 3))
    assert sqs.requests == ["SendMessageBatch", *["SendMessage"] * 3]
    assert arrived(sqs) == steps(0, 1, 2)


def test_a_request_stays_within_what_sqs_takes(sqs: SqsDouble, fifo: EnvelopeSender) -> None:
    fifo.send(messages(fifo, 5, **{"taskiq/note": "n" * 400_000}))
    assert sqs.batches == [2, 2]
    assert arrived(sqs) == steps(0, 1, 2, 3, 4)


def test_no_message_gets_ahead_of_its_group(sqs: SqsDouble, fifo: EnvelopeSender) -> None:
    grouped = {"taskiq/group": "oslo"}
    first, second, third = messages(fifo, 3, **grouped)
    other = fifo.message(envelope(step_key="other"), pytest.fail)
    assert list(batches_of([first, second, other, third])) == [[first, other], [second], [third]]


def test_a_standard_queue_has_no_order_to_keep(sqs: SqsDouble) -> None:
    standard = sender(Queue(url=sqs.url("steps")))
    standard.send(messages(standard, 3, **{"taskiq/group": "oslo"}))
    assert sqs.batches == [3]


def test_each_queue_gets_its_own_requests(sqs: SqsDouble, fifo: EnvelopeSender) -> None:
    elsewhere = messages(fifo, 2, **{"taskiq/queue": sqs.url("other.fifo")})
    fifo.send([*messages(fifo, 1), *elsewhere])
    assert sqs.requests == ["SendMessage", "SendMessageBatch"]
    assert [message.queue for message in sqs.messages] == ["steps.fifo", "other.fifo", "other.fifo"]


def test_messages_that_no_request_can_join_do_not_each_wait_for_a_dead_queue() -> None:
    with SqsDouble() as closed:
        url = closed.url("steps.fifo")
    patience = Patience(first_wait=0.001, longest_wait=0.2, give_up_after=1)
    hasty = sender(Queue(url=url), patience)
    warned_at: list[float] = []
    one_group = [
        hasty.message(
            envelope(tags={"taskiq/group": "oslo"}), lambda _: warned_at.append(monotonic())
        )
        for _ in range(5)
    ]
    began_at = monotonic()
    with pytest.raises(EnqueueError):
        hasty.send(one_group)
    assert 0 < warned_at[-1] - began_at < 2


def test_a_step_that_fits_in_no_message_fails_alone(
    instance: DagsterInstance, sqs: SqsDouble, worker: StepWorker
) -> None:
    run = create_run(instance, "has_a_large_tag", executor_config(sqs))
    with worker:
        work_on(instance, run)
    assert status(instance, run) is DagsterRunStatus.FAILURE
    assert ends(instance, run) == {("large", "STEP_FAILURE"): 1, ("well_named", "STEP_SUCCESS"): 1}
    assert [each.step_key for each in worker.envelopes] == ["well_named"]
