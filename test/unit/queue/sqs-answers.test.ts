// Whatever answers in SQS's place, a proxy perhaps or an emulator with ideas of its own: each call
// of the adapter has an answer of the port's or a Fault.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../../core/clock.ts";
import { describeError, Fault } from "../../../core/faults.ts";
import type { Message } from "../../../core/queue/port.ts";
import { openSqsQueue } from "../../../core/queue/sqs/sqs.ts";

const names = [
  "QueueUrl",
  "Attributes",
  "Messages",
  "Successful",
  "Failed",
  "Id",
  "Code",
  "MessageId",
  "Body",
  "ReceiptHandle",
];
const attributes = [
  "RedrivePolicy",
  "ApproximateNumberOfMessages",
  "MessageRetentionPeriod",
  "ApproximateReceiveCount",
];
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(7, "", "x", null, [null], [7], [{}], {}, [{ Id: "0" }], [{ Body: "{}", MessageId: "m" }]),
  fc.dictionary(fc.constantFrom(...attributes), fc.oneof(fc.string(), fc.jsonValue()), { maxKeys: 3 }),
);
const answers = fc.oneof(
  fc
    .dictionary(fc.constantFrom(...names, "__proto__", "__type"), value, { maxKeys: 3 })
    .map((one) => JSON.stringify(one)),
  fc.json(),
  fc.constantFrom("", "{", "<html>", `${"[".repeat(10_000)}${"]".repeat(10_000)}`),
);

async function start(t: TestContext) {
  const reply = { status: 200, answer: "" };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(reply.status, { "content-type": "application/x-amz-json-1.0" }).end(reply.answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { reply, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const calls = {
  describe: (queue) => queue.describe(),
  survey: (queue) => queue.survey(),
  depth: (queue) => queue.depth(),
  receive: (queue) => queue.receive({ max: 10, waitMs: 0, visibilityMs: 1_000 }),
  ack: (queue) => queue.ack(["r"]),
  extend: (queue) => queue.extend([{ receipt: "r", visibilityMs: 1_000 }]),
} as const satisfies Record<string, (queue: ReturnType<typeof openSqsQueue>) => Promise<unknown>>;

function assertTexts(messages: readonly Message[]): void {
  const texts = messages.flatMap(({ id, receipt, body }) => [id, receipt, body]);
  assert.ok(texts.every((text) => typeof text === "string"));
}

for (const [name, call] of Object.entries(calls)) {
  test(`an odd answer to ${name} is a value of the port's or a Fault`, async (t) => {
    const { reply, endpoint } = await start(t);
    await fc.assert(
      fc.asyncProperty(answers, fc.constantFrom(200, 400), fc.boolean(), async (answer, status, named) => {
        Object.assign(reply, { answer, status });
        const queue = openSqsQueue({
          queue: named ? { name: "steps.fifo" } : { url: `${endpoint}/000000000000/steps.fifo` },
          deadLetter: null,
          region: "eu-central-1",
          endpoint,
          random: () => 0,
          observe: () => undefined,
          clock: { ...systemClock, sleep: async () => undefined },
          credentials: { accessKeyId: "test", secretAccessKey: "test" },
        });
        try {
          const given = await call(queue);
          if (name === "receive") assertTexts(given as readonly Message[]);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          assert.ok(error.message.length < 500 && describeError(error).length < 3_000, error.message.slice(0, 600));
        } finally {
          await queue.close();
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
}
