// SQS and its stand-ins write numbers and policies as text. Each text becomes a number of ours, a
// value for "not given", or a Fault.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message as SdkMessage } from "@aws-sdk/client-sqs";
import fc from "fast-check";
import { Fault } from "../../../core/faults.ts";
import { depthOf, type QueueText, readRedrivePolicy, readRetention } from "../../../core/queue/sqs/facts.ts";
import { readMessage } from "../../../core/queue/sqs/message.ts";
import { attributesOf } from "../../../core/queue/sqs/survey.ts";

const url = "http://127.0.0.1/steps.fifo";
const nowMs = 1_790_000_000_000;
const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
const odd = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  fc.double().map(String),
  fc.bigInt().map(String),
  fc.constantFrom(
    "",
    " ",
    "0",
    "1",
    "01",
    "1e3",
    "0x10",
    "-1",
    "+1",
    "1.5",
    "NaN",
    "Infinity",
    "9".repeat(400),
    "null",
    deep,
  ),
);

const policies = fc.oneof(
  odd,
  fc
    .record({ deadLetterTargetArn: fc.anything(), maxReceiveCount: fc.anything() }, { requiredKeys: [] })
    .map((policy) => text(policy) ?? ""),
  odd.map((count) =>
    JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:eu-central-1:000000000000:dlq", maxReceiveCount: count }),
  ),
);

function text(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function assertCount(value: number | null, what: string): void {
  assert.ok(value === null || (Number.isSafeInteger(value) && value >= 0), `${what}: ${value}`);
}

/** Undefined for a Fault that says which queue, and not too much of the text. */
function orFault<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    assert.equal(error.code, "TQ_QUEUE");
    assert.ok(error.message.includes(url) && error.message.length < 500, error.message.slice(0, 600));
    return undefined;
  }
}

describe("a message's own numbers", () => {
  const read = (Attributes: NonNullable<SdkMessage["Attributes"]>) =>
    readMessage({ MessageId: "m", ReceiptHandle: "r", Body: "{}", Attributes }, nowMs);

  test("a message's counts and times are those that SQS sends", () => {
    const message = read({
      ApproximateReceiveCount: "3",
      SentTimestamp: "1790000000001",
      ApproximateFirstReceiveTimestamp: "1790000000002",
    });
    assert.deepEqual(
      [message.receiveCount, message.sentAtMs, message.firstReceivedAtMs],
      [3, 1_790_000_000_001, 1_790_000_000_002],
    );
  });

  test("numbers of a message that make no sense are read as if they were missing", () => {
    for (const count of ["", "soon", "-1", "1.5", "NaN", "1e3", "9".repeat(400)]) {
      const message = read({
        ApproximateReceiveCount: count,
        SentTimestamp: count,
        ApproximateFirstReceiveTimestamp: count,
      });
      assert.deepEqual([message.receiveCount, message.sentAtMs, message.firstReceivedAtMs], [1, nowMs, nowMs], count);
    }
  });

  test("a message's counts and times are valid whatever SQS sends", () => {
    fc.assert(
      fc.property(odd, odd, odd, (count, sent, received) => {
        const message = read({
          ApproximateReceiveCount: count,
          SentTimestamp: sent,
          ApproximateFirstReceiveTimestamp: received,
        });
        assert.ok(message.receiveCount >= 1);
        assertCount(message.receiveCount, "receiveCount");
        for (const ms of [message.sentAtMs, message.firstReceivedAtMs]) new Date(ms).toISOString();
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a queue's attributes", () => {
  const names = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "MaximumMessageSize",
    "FifoQueue",
  ];
  const anything: fc.Arbitrary<QueueText> = fc
    .tuple(fc.dictionary(fc.constantFrom(...names), odd), fc.option(policies, { nil: undefined }))
    .map(([attributes, policy]) => (policy === undefined ? attributes : { ...attributes, RedrivePolicy: policy }));

  test("a queue's attributes are counts, missing, or a fault that names the queue", () => {
    fc.assert(
      fc.property(anything, (attributes) => {
        const depth = orFault(() => depthOf(url, attributes));
        for (const [what, count] of Object.entries(depth ?? {})) assertCount(count, what);
        assertCount(readRetention(attributes), "retention");
        const survey = orFault(() => attributesOf(url, attributes));
        for (const name of ["retentionMs", "delayMs", "largestBytes"] as const)
          assertCount(survey?.[name] ?? null, name);
        assertCount(survey?.redrive?.maxReceiveCount ?? null, "maxReceiveCount");
      }),
      { numRuns: 2_000 },
    );
  });

  test("a count that is not a number does not mean that the queue is empty", () => {
    assert.throws(() => depthOf(url, { ApproximateNumberOfMessages: "many" }), {
      code: "TQ_QUEUE",
      message: `the queue ${url}, attribute ApproximateNumberOfMessages: expected a number, got "many"`,
    });
  });
});

describe("a redrive policy", () => {
  const arn = "arn:aws:sqs:eu-central-1:000000000000:dlq";
  const rows: readonly (readonly [string, number | null])[] = [
    [JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 5 }), 5],
    [JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: "5" }), 5],
    [JSON.stringify({ deadLetterTargetArn: arn }), 10],
    [JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: "often" }), null],
    [JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 0.5 }), null],
    [JSON.stringify({ deadLetterTargetArn: 7 }), null],
    ["{", null],
    ["null", null],
    ["7", null],
    [deep, null],
  ];
  for (const [policy, count] of rows) {
    test(`a redrive policy has ${count === null ? "no readable count" : `the count ${count}`}: ${policy.slice(0, 90)}`, () => {
      assert.equal(orFault(() => readRedrivePolicy(url, policy))?.maxReceiveCount ?? null, count);
    });
  }

  test("any redrive policy is read, or refused by name", () => {
    fc.assert(
      fc.property(policies, (policy) => {
        assertCount(orFault(() => readRedrivePolicy(url, policy))?.maxReceiveCount ?? null, "maxReceiveCount");
      }),
      { numRuns: 2_000 },
    );
  });
});
