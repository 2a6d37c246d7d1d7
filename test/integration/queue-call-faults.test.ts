// Everything but receives, on a failing service or network: entries that fail alone, calls that
// fail whole, effects without an answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Input, listOf } from "../../cli/dev/sqs-server/wire.ts";
import type { Message } from "../../core/queue/port.ts";
import { aReason } from "../contract/queue-setup.ts";
import type { ServerFault } from "../support/sqs/server/faults.ts";
import { type Wired, wire } from "../support/sqs/sqs-adapter.ts";

const serverEntryFault = (...positions: number[]): ServerFault => ({
  kind: "entries",
  positions,
  code: "InternalError",
  senderFault: false,
});

test("only the failed entries of a batch are sent again", async (t) => {
  const wired = await wire(t);
  const receipts = await receiptsOf(wired, 5);
  wired.server.faults.next("DeleteMessageBatch", serverEntryFault(1, 3));
  assert.deepEqual(await wired.queue.ack(receipts), Array(5).fill("done"));
  assert.deepEqual(
    wired.requestsOf("DeleteMessageBatch").map(({ input }) => handlesOf(input)),
    [receipts, [receipts[1], receipts[3]]],
  );
  assert.deepEqual(wired.source.inspect(), []);
});

test("entries that go on failing are failed after three rounds, and the others are done", async (t) => {
  const wired = await wire(t);
  const receipts = await receiptsOf(wired, 3);
  wired.server.faults.next(
    "ChangeMessageVisibilityBatch",
    serverEntryFault(0, 2),
    serverEntryFault(0, 1),
    serverEntryFault(0),
  );
  const results = await wired.queue.extend(receipts.map((receipt) => ({ receipt, visibilityMs: 60_000 })));
  assert.deepEqual(results, ["failed", "done", "done"]);
  assert.equal(wired.requestsOf("ChangeMessageVisibilityBatch").length, 3);
});

test("an entry that is the sender's fault is not sent again", async (t) => {
  const wired = await wire(t);
  const [receipt = ""] = await receiptsOf(wired, 1);
  const thirteenHours = 13 * 3_600_000;
  assert.deepEqual(await wired.queue.extend([{ receipt, visibilityMs: thirteenHours }]), ["failed"]);
  assert.equal(wired.requestsOf("ChangeMessageVisibilityBatch").length, 1);
  assert.deepEqual(
    wired.observed.map(({ event, detail }) => [event, detail]),
    [
      [
        "queue.entries_failed",
        "InvalidParameterValue: Value 46800 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.",
      ],
    ],
  );
});

test("a throttled entry is sent again, also when SQS calls it the sender's fault", async (t) => {
  const wired = await wire(t);
  const receipts = await receiptsOf(wired, 1);
  const throttled: ServerFault = { kind: "entries", positions: [0], code: "RequestThrottled", senderFault: true };
  wired.server.faults.next("DeleteMessageBatch", throttled);
  assert.deepEqual(await wired.queue.ack(receipts), ["done"]);
});

for (const fault of [
  { kind: "error", status: 500, effect: "after" },
  { kind: "cut", effect: "after" },
  { kind: "stall", at: "head" },
  { kind: "stall", at: "body" },
  { kind: "late", ms: 600 },
  { kind: "refuse", code: "RequestThrottled" },
] satisfies ServerFault[]) {
  test(`an ack that meets ${JSON.stringify(fault)} is repeated`, async (t) => {
    const wired = await wire(t, {}, { callTimeoutMs: 300 });
    const receipts = await receiptsOf(wired, 2);
    wired.server.faults.next("DeleteMessageBatch", fault);
    assert.deepEqual(await wired.queue.ack(receipts), ["done", "done"]);
    assert.deepEqual(wired.source.inspect(), []);
    assert.equal(wired.requestsOf("DeleteMessageBatch").length, 2);
  });
}

test("one of several batches without an answer fails, and the others return their results", async (t) => {
  const wired = await wire(t);
  const receipts = await receiptsOf(wired, 12);
  const last = receipts.at(-1);
  wired.server.faults.otherwise((_action, input) =>
    handlesOf(input).includes(last) ? { kind: "error", status: 503, effect: "before" } : null,
  );
  assert.deepEqual(await wired.queue.ack(receipts), [...Array(10).fill("done"), "failed", "failed"]);
  assert.equal(wired.source.inspect().length, 2);
});

test("a call rejects when no batch has an answer", async (t) => {
  const wired = await wire(t);
  const receipts = await receiptsOf(wired, 12);
  wired.server.faults.otherwise(() => ({ kind: "refuse", code: "AccessDenied" }));
  await assert.rejects(wired.queue.ack(receipts), {
    name: "Fault",
    code: "TQ_QUEUE_DENIED",
    message: `AWS does not allow DeleteMessage on the queue ${wired.pair.url}`,
    hint: "Check that the policy of the credentials grants sqs:DeleteMessage.",
  });
  assert.equal(wired.source.inspect().length, 12);
});

test("a copy that was made without an answer is not made twice", async (t) => {
  const wired = await wire(t);
  const message = await receivedMessage(wired);
  wired.server.faults.next("SendMessage", { kind: "error", status: 500, effect: "after" });
  await wired.queue.bury(message, aReason, message.id);
  assert.equal(wired.requestsOf("SendMessage").length, 2);
  assert.equal(wired.deadLetters.inspect().length, 1);
});

test("a copy that could not be made rejects, and the message is where it was", async (t) => {
  const wired = await wire(t);
  const message = await receivedMessage(wired);
  wired.server.faults.otherwise((action) =>
    action === "SendMessage" ? { kind: "error", status: 503, effect: "before" } : null,
  );
  await assert.rejects(wired.queue.bury(message, aReason, message.id), {
    code: "TQ_QUEUE",
    message: `SQS does not answer SendMessage on the queue ${wired.pair.deadLetterUrl}`,
    hint: "Check the network, the endpoint and the region.",
  });
  assert.equal(wired.deadLetters.inspect().length, 0);
  assert.equal(wired.source.inspect()[0]?.state, "in_flight");
});

test("a note that had to be shortened is reported", async (t) => {
  const wired = await wire(t);
  const message = { ...(await receivedMessage(wired)), body: "x".repeat(1_048_576) };
  await wired.queue.bury(message, aReason, message.id);
  assert.deepEqual(
    wired.observed.map(({ event, messageId, note }) => ({ event, messageId, note })),
    [{ event: "queue.dead_letter_note_shortened", messageId: message.id, note: "left_out" }],
  );
});

async function receiptsOf({ queue, source }: Wired, count: number): Promise<string[]> {
  for (let i = 0; i < count; i += 1) source.send({ body: `${i}`, groupId: `g${i}`, deduplicationId: `d${i}` });
  const first = await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 });
  const more = count > 10 ? await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 }) : [];
  return [...first, ...more].map((message) => message.receipt);
}

async function receivedMessage({ queue, source }: Wired): Promise<Message> {
  source.send({ body: "body", groupId: "g", deduplicationId: "d" });
  const [message] = await queue.receive({ max: 1, waitMs: 0, visibilityMs: 30_000 });
  return message ?? assert.fail("nothing received");
}

function handlesOf(input: Input): unknown[] {
  return listOf(input, "Entries").map((entry) => (entry as Input)["ReceiptHandle"]);
}
