// Finding the queue and its dead letter queue.
import assert from "node:assert/strict";
import { test } from "node:test";
import { urlOf } from "../support/sqs/local-sqs.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { wire } from "../support/sqs/sqs-adapter.ts";

test("a FIFO queue is described by its URL, its dead letter queue from the redrive policy", async (t) => {
  const { queue, pair } = await wire(t, { maxReceiveCount: 7, attributes: { MessageRetentionPeriod: "86400" } });
  assert.deepEqual(await queue.describe(), {
    url: pair.url,
    fifo: true,
    deadLetterUrl: pair.deadLetterUrl,
    maxReceiveCount: 7,
    retentionMs: 86_400_000,
  });
});

test("a standard queue and its dead letter queue are described by their names", async (t) => {
  const { queue, server, pair } = await wire(
    t,
    { fifo: false },
    { queue: { name: "steps" }, deadLetter: { name: "elsewhere" } },
  );
  server.model.createQueue("elsewhere");
  assert.deepEqual(await queue.describe(), {
    url: pair.url,
    fifo: false,
    deadLetterUrl: urlOf(asLocalSqs(server), "elsewhere"),
    maxReceiveCount: 5,
    retentionMs: 345_600_000,
  });
});

test("a queue that was found by name is looked up once", async (t) => {
  const { queue, requestsOf } = await wire(t, {}, { queue: { name: "steps.fifo" } });
  await queue.receive({ max: 1, waitMs: 0, visibilityMs: 1_000 });
  await queue.depth();
  assert.equal(requestsOf("GetQueueUrl").length, 1);
});

test("a queue name that does not exist is refused by name", async (t) => {
  const { queue } = await wire(t, {}, { queue: { name: "nope.fifo" } });
  await assert.rejects(queue.describe(), {
    name: "Fault",
    code: "TQ_QUEUE_MISSING",
    message: "the queue nope.fifo does not exist",
    hint: "Check the queue's URL or name, the region, and which account the credentials belong to.",
  });
});

test("a queue URL that does not exist is refused, at the configured endpoint", async (t) => {
  const { queue } = await wire(t, {}, { queue: { url: "http://127.0.0.1:1/000000000000/nope" } });
  const fault = { code: "TQ_QUEUE_MISSING", message: "the queue http://127.0.0.1:1/000000000000/nope does not exist" };
  await assert.rejects(queue.describe(), fault);
  await assert.rejects(queue.receive({ max: 1, waitMs: 0, visibilityMs: 1_000 }), fault);
});

test("a queue whose attributes must not be read is described with the dead letter queue that is named", async (t) => {
  const { queue, server, pair } = await wire(t, {}, { deadLetter: { name: "steps-dlq.fifo" } });
  server.faults.otherwise((action) =>
    action === "GetQueueAttributes" ? { kind: "refuse", code: "AccessDenied" } : null,
  );
  assert.deepEqual(await queue.describe(), {
    url: pair.url,
    fifo: true,
    deadLetterUrl: pair.deadLetterUrl,
    maxReceiveCount: null,
    retentionMs: null,
  });
});

test("a queue whose attributes must not be read needs a named dead letter queue", async (t) => {
  const { queue, server } = await wire(t);
  server.faults.otherwise(() => ({ kind: "refuse", code: "AccessDenied" }));
  await assert.rejects(queue.describe(), { code: "TQ_QUEUE_DENIED" });
});

test("a dead letter queue that has a redrive policy itself is described as redriving", async (t) => {
  const { queue, server, pair } = await wire(t);
  assert.equal((await queue.deadLetters())?.redrives, false);
  const { arn: deadLetterTargetArn } = server.model.createQueue("beyond.fifo", { FifoQueue: "true" });
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 });
  server.model.setAttributes(pair.deadLetterName, { RedrivePolicy });
  assert.equal((await queue.deadLetters())?.redrives, true);
});
