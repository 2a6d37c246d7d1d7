// SQS's rules for FIFO queues as our server plays them. What the contract shows over HTTP is not
// repeated here.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueModel } from "../../../../../cli/dev/sqs-server/queue-model.ts";
import { bodies, fifoQueue, giveBack, hour, minute, redriveTo, second } from "./queues.ts";

test("a FIFO receive takes as many of a group as it may, then of the next", () => {
  const { queue } = fifoQueue("a1", "b1", "a2", "b2", "a3");
  assert.deepEqual(bodies(queue.receive({ max: 4 })), ["a1", "a2", "a3", "b1"]);
  assert.deepEqual(bodies(queue.receive({ max: 10 })), []);
});

test("a FIFO batch given back in part is handed out up to its first hidden message", () => {
  const { queue } = fifoQueue("a1", "a2", "a3");
  const [first, , third] = queue.receive({ max: 10 });
  giveBack(queue, third);
  assert.deepEqual(bodies(queue.receive({ max: 10 })), []);
  giveBack(queue, first);
  assert.deepEqual(bodies(queue.receive({ max: 10 })), ["a1"]);
});

test("a FIFO message received too often leaves its group for the dead letter queue, and the next one moves up", () => {
  const { model, queue } = fifoQueue("a1", "a2");
  const deadLetters = model.createQueue("dlq.fifo", { FifoQueue: "true" });
  model.setAttributes("q.fifo", { RedrivePolicy: redriveTo(deadLetters, 1) });
  const [a1, a2] = queue.receive({ max: 1 });
  assert.equal(a2, undefined);
  giveBack(queue, a1);
  assert.deepEqual(bodies(queue.receive({ max: 10 })), ["a2"]);
  const [letter] = deadLetters.inspect();
  assert.deepEqual(
    [letter?.id, letter?.deduplicationId, letter?.deadLetterSourceArn, letter?.groupId],
    [a1?.id, a1?.id, queue.arn, "a"],
  );
  const [received] = deadLetters.receive({ max: 1 });
  assert.equal(received?.receiveCount, 2, "the count goes on over queues");
});

test("a FIFO deduplication id is a duplicate for five minutes, whether its message is still there or not", async () => {
  const { queue, clock } = fifoQueue();
  const message = { body: "x", groupId: "g", deduplicationId: "d" };
  const first = queue.send(message);
  for (const received of queue.receive({ max: 1 })) queue.delete(received.receive?.receipt ?? "");
  await clock.advance(5 * minute - 1);
  assert.deepEqual(queue.send({ ...message, body: "y" }), first);
  assert.deepEqual(queue.inspect(), []);
  await clock.advance(1);
  assert.notEqual(queue.send(message).messageId, first.messageId);
});

test("a FIFO queue may make the deduplication id from the content, and an explicit id wins", () => {
  const { model } = fifoQueue();
  const queue = model.createQueue("content.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
  const first = queue.send({ body: "x", groupId: "g" });
  assert.deepEqual(queue.send({ body: "x", groupId: "other" }), first);
  queue.send({ body: "x", groupId: "g", deduplicationId: "explicit" });
  assert.equal(queue.inspect().length, 2);
});

test("a FIFO attempt id brings the same messages and receipts back, hides them again, and counts no receive", async () => {
  const { queue, clock } = fifoQueue("a1", "a2");
  const first = queue.receive({ max: 10, attemptId: "t", visibilityMs: 30 * second });
  await clock.advance(20 * second);
  const again = queue.receive({ max: 10, attemptId: "t", visibilityMs: 30 * second });
  assert.deepEqual(
    again.map(({ receive, receiveCount }) => [receive, receiveCount]),
    first.map(({ receive }) => [receive, 1]),
  );
  await clock.advance(29 * second);
  assert.deepEqual(bodies(queue.receive({ max: 10 })), []);
});

for (const [what, change] of Object.entries({
  "a message of it was deleted": (queue: QueueModel, receipt: string) => queue.delete(receipt),
  "the visibility of one was changed": (queue: QueueModel, receipt: string) => queue.changeVisibility(receipt, minute),
})) {
  test(`a FIFO attempt id is used up once ${what}`, () => {
    const { queue } = fifoQueue("a1", "a2");
    const [a1] = queue.receive({ max: 10, attemptId: "t" });
    change(queue, a1?.receive?.receipt ?? "");
    assert.deepEqual(queue.receive({ max: 10, attemptId: "t" }), []);
  });
}

test("a FIFO attempt id is forgotten after five minutes", async () => {
  const { queue, clock } = fifoQueue("a1");
  queue.receive({ max: 10, attemptId: "t", visibilityMs: hour });
  await clock.advance(5 * minute);
  assert.deepEqual(queue.receive({ max: 10, attemptId: "t" }), []);
});
