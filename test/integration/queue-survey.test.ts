// What the adapter reports to a preflight about two queues, whatever is wrong with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { preflight } from "../../core/preflight/preflight.ts";
import { urlOf } from "../support/sqs/local-sqs.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { wire } from "../support/sqs/sqs-adapter.ts";

const settings = { maxStarts: 3, leaseMs: 60_000 };
const plain = { retentionMs: 345_600_000, delayMs: 0, largestBytes: 1_048_576, redrive: null };

test("a survey passes two queues that are fit for use", async (t) => {
  const { queue, pair } = await wire(t, { maxReceiveCount: 20, attributes: { DelaySeconds: "7" } });
  const survey = await queue.survey();
  const redrive = { target: pair.deadLetterName, maxReceiveCount: 20 };
  assert.deepEqual(survey, {
    queue: { url: pair.url, fifo: true, attributes: { ...plain, fifo: true, delayMs: 7_000, redrive } },
    deadLetter: {
      name: pair.deadLetterName,
      from: "redrive policy",
      queue: { url: pair.deadLetterUrl, fifo: true, attributes: { ...plain, fifo: true } },
    },
  });
});

test("a survey reports a standard queue without a dead letter queue", async (t) => {
  const { queue, pair, server } = await wire(t, { fifo: false });
  server.model.setAttributes(pair.name, { RedrivePolicy: "" });
  assert.deepEqual(await queue.survey(), {
    queue: { url: pair.url, fifo: false, attributes: { ...plain, fifo: false } },
    deadLetter: null,
  });
});

for (const deadLetter of [{ name: "nope.fifo" }, { url: "http://127.0.0.1:1/000000000000/nope.fifo" }]) {
  test(`a survey reports a dead letter queue that does not exist, by ${Object.keys(deadLetter)}`, async (t) => {
    const { queue } = await wire(t, {}, { deadLetter });
    const survey = await queue.survey();
    assert.deepEqual(survey.deadLetter, { name: "nope.fifo", from: "option", queue: null });
    assert.equal(preflight(survey, settings)[0]?.severity, "refuse");
  });
}

test("a survey reports a dead letter queue of the other type, and one that is the queue itself", async (t) => {
  const other = await wire(t, {}, { deadLetter: { name: "plain" } });
  other.server.model.createQueue("plain");
  const survey = await other.queue.survey();
  assert.equal(survey.deadLetter?.queue?.url, urlOf(asLocalSqs(other.server), "plain"));
  const own = await wire(t, {}, { deadLetter: { name: "steps.fifo" } });
  const severities = [survey, await own.queue.survey()].map((one) => preflight(one, settings)[0]?.severity);
  assert.deepEqual(severities, ["refuse", "refuse"]);
});

test("a survey reports queues whose attributes must not be read", async (t) => {
  const { queue, server, pair } = await wire(t, {}, { deadLetter: { name: "steps-dlq.fifo" } });
  server.faults.otherwise((action) =>
    action === "GetQueueAttributes" ? { kind: "refuse", code: "AccessDenied" } : null,
  );
  assert.deepEqual(await queue.survey(), {
    queue: { url: pair.url, fifo: true, attributes: null },
    deadLetter: {
      name: pair.deadLetterName,
      from: "option",
      queue: { url: pair.deadLetterUrl, fifo: true, attributes: null },
    },
  });
});

test("a survey reads a redrive policy that leaves its count to SQS", async (t) => {
  const { queue, server, pair } = await wire(t);
  const deadLetterTargetArn = server.model.attributes(pair.deadLetterName)["QueueArn"];
  server.model.setAttributes(pair.name, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn }) });
  assert.equal((await queue.survey()).queue.attributes?.redrive?.maxReceiveCount, 10);
});

test("a survey reports a queue that does not exist, and an SQS that does not answer", async (t) => {
  const missing = await wire(t, {}, { queue: { name: "nope.fifo" } });
  await assert.rejects(missing.queue.survey(), { code: "TQ_QUEUE_MISSING" });
  const down = await wire(t);
  down.server.faults.otherwise(() => ({ kind: "error", status: 503, effect: "before" }));
  await assert.rejects(down.queue.survey(), { code: "TQ_QUEUE" });
});
