// Copies of dead letters that go back over a failing service, or are too large to go together.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { listOf } from "../../cli/dev/sqs-server/wire.ts";
import type { MessageAttribute, Resend } from "../../core/queue/port.ts";
import { message } from "../support/sqs/messages.ts";
import { type Wired, wire } from "../support/sqs/sqs-adapter.ts";

/** Of one group, in order. */
const copyOf = (body: string, attributes: Readonly<Record<string, MessageAttribute>> = {}): Resend => {
  const letter = message("letter", { body, attributes });
  return { letter, body, groupId: "g", deduplicationId: body.slice(0, 20) };
};

async function wired(t: TestContext) {
  const made = await wire(t);
  const letters = await made.queue.deadLetters();
  assert.ok(letters !== null);
  return { ...made, letters };
}

const sizesOf = ({ requestsOf }: Wired) =>
  requestsOf("SendMessageBatch").map(({ input }) => listOf(input, "Entries").length);

test("copies of one group go in their order, also when the first ten have to be tried again", async (t) => {
  const { letters, server, source, ...rest } = await wired(t);
  server.faults.next("SendMessageBatch", { kind: "error", status: 503, effect: "before" });
  const bodies = Array.from({ length: 23 }, (_, i) => `body ${i}`.replace(" ", "-"));
  const ends = await letters.resend(bodies.map((body) => copyOf(body)));
  const ids = ends.map((end) => (end.kind === "sent" ? end.messageId : end.kind));
  const sent = source.inspect();
  assert.deepEqual([sent.map(({ body }) => body), sent.map(({ id }) => id)], [bodies, ids]);
  assert.deepEqual(sizesOf({ ...rest, server, source }), [10, 10, 10, 3]);
});

test("copies that are too large for one request go in several, whatever they are large by", async (t) => {
  const made = await wired(t);
  const large = { dataType: "String", stringValue: "x".repeat(300_000) };
  const bodies = ["a", "b", "c"].map((letter) => letter.repeat(400_000));
  const ends = await made.letters.resend(bodies.map((body) => copyOf(body, { large })));
  assert.deepEqual(
    ends.map(({ kind }) => kind),
    ["sent", "sent", "sent"],
  );
  assert.deepEqual(
    made.source.inspect().map(({ body, attributes }) => [body[0], attributes["large"]?.stringValue?.length]),
    [..."abc"].map((letter) => [letter, 300_000]),
  );
});

test("copies without an answer of SQS reject, and are there once when they are sent again", async (t) => {
  const { letters, server, source, pair } = await wired(t);
  const copies = ["a", "b"].map((body) => copyOf(body));
  server.faults.otherwise((action) =>
    action === "SendMessageBatch" ? { kind: "error", status: 503, effect: "after" } : null,
  );
  await assert.rejects(letters.resend(copies), {
    code: "TQ_QUEUE",
    message: `SQS does not answer SendMessage on the queue ${pair.url}`,
  });
  server.faults.clear();
  const ends = await letters.resend(copies);
  const ids = ends.map((end) => (end.kind === "sent" ? end.messageId : end.kind));
  assert.deepEqual(
    source.inspect().map(({ id }) => id),
    ids,
  );
});
