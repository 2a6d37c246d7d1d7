// Bodies that no producer of ours wrote, through the whole executor. Each ends as a copy in the
// dead letter queue, as a step that ran, or back in the queue for a worker that knows its version.
// None is lost, and none is a bug.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode } from "../../../../core/step/envelope.ts";
import { message } from "../../../support/sqs/messages.ts";
import { bench } from "../../delivery/setup.ts";
import { hostileBody } from "./bodies.ts";

const ends = { malformed: "buried", unknown_version: "released", step: "acked" } as const;

test("each of a thousand hostile bodies meets its own end", async (t) => {
  const { deliver, queue } = bench(t);
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(hostileBody, async (body) => {
      sent += 1;
      const received = message(`m${sent}`, { body });
      const { kind } = decode(body);
      const disposition = await deliver(received);
      const copied = queue.buried.some(({ message: copy }) => copy.id === received.id && copy.body === body);
      const deleted = queue.acked.includes(received.receipt);
      // A step under a key that another body was claimed with is a dead letter, too.
      const isAnothers = kind === "step" && disposition === "buried";
      assert.ok(disposition === ends[kind] || isAnothers, `${kind} ended as ${disposition}`);
      assert.deepEqual([copied, deleted], [disposition === "buried", disposition !== "released"]);
    }),
    { numRuns: 1_000 },
  );
  assert.ok(sent >= 1_000);
});
