// SQS's rules that both types of queue share as our server plays them. What the contract shows over
// HTTP is not repeated here.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueAttributes } from "../../../../../cli/dev/sqs-server/queue-settings.ts";
import { aQueue, bodies, expired, fifoQueue, hour, minute, redriveTo, second } from "./queues.ts";

test("a FIFO receipt ends with its visibility, and a standard one does not", async () => {
  for (const fifo of [true, false]) {
    const { queue, clock } = aQueue(fifo);
    queue.send(fifo ? { body: "x", groupId: "g", deduplicationId: "d" } : { body: "x" });
    const receipt = queue.receive({ max: 1, visibilityMs: second })[0]?.receive?.receipt ?? "";
    await clock.advance(second);
    if (fifo) assert.throws(() => queue.delete(receipt), expired(receipt));
    else queue.delete(receipt);
    assert.equal(queue.inspect().length, fifo ? 1 : 0);
  }
});

test("a standard queue accepts an old receipt and deletes nothing", async () => {
  const { queue, clock } = aQueue(false);
  queue.send({ body: "x" });
  const old = queue.receive({ max: 1, visibilityMs: second })[0]?.receive?.receipt ?? "";
  await clock.advance(second);
  queue.receive({ max: 1 });
  queue.delete(old);
  assert.equal(queue.inspect().length, 1);
});

test("a standard queue can deliver a message again while it is in flight, and knows either receipt", () => {
  const { queue } = aQueue(false);
  const { messageId } = queue.send({ body: "x" });
  queue.receive({ max: 1 });
  queue.deliverAgain(messageId);
  const [again] = queue.receive({ max: 1 });
  assert.deepEqual([again?.id, again?.receiveCount], [messageId, 2]);
});

test("the in-flight limit is an error of a standard queue, and a FIFO queue hands out nothing", () => {
  for (const fifo of [true, false]) {
    const { queue } = aQueue(fifo, { inFlightLimit: 2 });
    for (const id of ["1", "2", "3"]) queue.send(fifo ? { body: id, groupId: id, deduplicationId: id } : { body: id });
    assert.equal(queue.receive({ max: 10 }).length, 2);
    if (fifo) assert.deepEqual(queue.receive({ max: 10 }), []);
    else assert.throws(() => queue.receive({ max: 10 }), { code: "OverLimit" });
  }
});

test("visibility cannot be changed once it has ended", async () => {
  const { queue, clock } = fifoQueue("a1");
  const receipt = queue.receive({ max: 1, visibilityMs: second })[0]?.receive?.receipt ?? "";
  await clock.advance(second);
  assert.throws(() => queue.changeVisibility(receipt, minute), { code: "MessageNotInflight" });
});

test("visibility ends 12 hours after the receive, and asking for more is an error", async () => {
  const { queue, clock } = fifoQueue("a1");
  const receipt = queue.receive({ max: 1, visibilityMs: 12 * hour })[0]?.receive?.receipt ?? "";
  await clock.advance(hour);
  const beyond = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
  assert.throws(() => queue.changeVisibility(receipt, 11 * hour + second), {
    code: "InvalidParameterValue",
    message: `Value 39601 for parameter VisibilityTimeout is invalid. Reason: ${beyond}`,
  });
  queue.changeVisibility(receipt, 11 * hour);
  await clock.advance(11 * hour);
  const [next] = queue.receive({ max: 1 });
  assert.equal(next?.receiveCount, 2);
  queue.changeVisibility(next?.receive?.receipt ?? "", 12 * hour);
});

test("a receipt that SQS never gave is refused, and one of a deleted message is gone", () => {
  const { queue } = fifoQueue("a1");
  assert.throws(() => queue.delete("junk"), { code: "ReceiptHandleIsInvalid", status: 404 });
  const receipt = queue.receive({ max: 1 })[0]?.receive?.receipt ?? "";
  queue.delete(receipt);
  queue.delete(receipt);
  assert.throws(() => queue.changeVisibility(receipt, 0), {
    message: `Value ${receipt} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
  });
});

test("retention goes on counting in a standard dead letter queue and starts again in a FIFO one", async () => {
  for (const fifo of [true, false]) {
    const { model, queue, clock } = aQueue(fifo);
    const suffix = fifo ? ".fifo" : "";
    const type: QueueAttributes = fifo ? { FifoQueue: "true" } : {};
    const deadLetters = model.createQueue(`dlq${suffix}`, { ...type, MessageRetentionPeriod: "7200" });
    model.setAttributes(`q${suffix}`, { RedrivePolicy: redriveTo(deadLetters, 1) });
    queue.send(fifo ? { body: "x", groupId: "g", deduplicationId: "d" } : { body: "x" });
    queue.receive({ max: 1, visibilityMs: 0 });
    await clock.advance(hour);
    assert.deepEqual(queue.receive({ max: 1 }), []);
    assert.equal(deadLetters.inspect().length, 1);
    await clock.advance(hour);
    assert.equal(deadLetters.inspect().length, fifo ? 1 : 0);
  }
});

test("the server refuses what SQS refuses", () => {
  const fifo = fifoQueue().queue;
  const standard = aQueue(false).queue;
  const send = { body: "x", groupId: "g", deduplicationId: "d" };
  const attribute = { dataType: "String", stringValue: "v" };
  const eleven = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`a${i}`, attribute]));
  const rows: readonly [string, () => unknown][] = [
    ["MissingParameter", () => standard.send({ body: "" })],
    ["InvalidMessageContents", () => standard.send({ body: "\u0000" })],
    ["InvalidMessageContents", () => standard.send({ body: "\ufffe" })],
    ["InvalidParameterValue", () => standard.send({ body: "é".repeat(524_289) })],
    ["InvalidParameterValue", () => standard.send({ body: "x", attributes: eleven })],
    ["InvalidParameterValue", () => standard.send({ body: "x", attributes: { a: { ...attribute, stringValue: "" } } })],
    [
      "InvalidParameterValue",
      () => standard.send({ body: "x", attributes: { a: { ...attribute, dataType: "Text" } } }),
    ],
    ["InvalidParameterValue", () => standard.send({ body: "x", deduplicationId: "d" })],
    ["InvalidParameterValue", () => standard.send({ body: "x", delayMs: 901 * second })],
    ["InvalidParameterValue", () => standard.receive({ max: 1, attemptId: "t" })],
    ["InvalidParameterValue", () => standard.receive({ max: 11 })],
    ["InvalidParameterValue", () => standard.receive({ max: 1, visibilityMs: 12 * hour + second })],
    ["MissingParameter", () => fifo.send({ body: "x", deduplicationId: "d" })],
    ["InvalidParameterValue", () => fifo.send({ body: "x", groupId: "g" })],
    ["InvalidParameterValue", () => fifo.send({ ...send, groupId: "a b" })],
    ["InvalidParameterValue", () => fifo.send({ ...send, groupId: "g".repeat(129) })],
    ["InvalidParameterValue", () => fifo.send({ ...send, deduplicationId: "ü" })],
    ["InvalidParameterValue", () => fifo.send({ ...send, delayMs: second })],
  ];
  for (const [code, act] of rows) assert.throws(act, { code }, String(act));
  standard.send({ body: "x".repeat(1_048_576) });
  standard.send({ body: "\t\n\r \u{1f4a5}", groupId: "tenant", delayMs: 900 * second });
  assert.equal(fifo.inspect().length, 0);
});

test("a delayed message shows itself when its delay is over, and the server knows when that is", async () => {
  const { queue, clock } = aQueue(false);
  queue.send({ body: "x", delayMs: minute });
  assert.equal(queue.inspect()[0]?.state, "delayed");
  assert.deepEqual(queue.receive({ max: 1 }), []);
  assert.equal(queue.nextVisibleAtMs(), clock.wallMs() + minute);
  await clock.advance(minute);
  assert.deepEqual(bodies(queue.receive({ max: 1 })), ["x"]);
});

test("a queue needs an existing dead letter queue of its type, a valid name and valid settings", () => {
  const { model, queue } = fifoQueue();
  model.createQueue("plain");
  const plain = model.queue("plain");
  assert.throws(
    () => model.setAttributes("plain", { RedrivePolicy: redriveTo(queue, 1) }),
    /must be same type of queue/,
  );
  assert.throws(() => model.setAttributes("plain", { RedrivePolicy: redriveTo(plain, 0) }), {
    code: "InvalidAttributeValue",
  });
  assert.throws(() => model.createQueue("plain.fifo"), /must end with .fifo suffix/);
  assert.throws(() => model.createQueue("plain", { VisibilityTimeout: "31" }), { code: "QueueNameExists" });
  assert.throws(() => model.createQueue("odd", { Colour: "red" }), { message: "Unknown Attribute Colour." });
  assert.throws(() => model.queue("nope"), { legacyCode: "AWS.SimpleQueueService.NonExistentQueue" });
  assert.equal(model.createQueue("plain", { VisibilityTimeout: "30" }), plain);
});
