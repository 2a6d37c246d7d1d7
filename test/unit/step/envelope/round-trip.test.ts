// What is written as version 1 is read as it was.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, type Envelope, toWire } from "../../../../core/step/envelope.ts";

const name = fc
  .string({ unit: "grapheme", minLength: 1 })
  .filter((text) => text.isWellFormed() && !/[\0:/\\]/.test(text));
const seconds = fc.double({ min: 0, max: 31_622_400, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

/**
 * Names that valibot leaves out of every record, for safety's sake; no tag of ours is called so.
 */
const unsafe = ["__proto__", "constructor", "prototype"];

const envelope: fc.Arbitrary<Envelope> = fc.record({
  runId: name,
  stepKey: name,
  attempt: fc.nat(2 ** 31 - 1),
  opName: fc.option(fc.string()),
  knownState: fc.constant(null),
  retryMode: fc.constantFrom("deferred", "disabled"),
  onFault: fc.option(fc.record({ retryIn: seconds })),
  enqueuedAt: fc.option(seconds),
  tags: fc.dictionary(
    fc.string().filter((tag) => !unsafe.includes(tag)),
    fc.string(),
  ),
  instance: fc.option(name),
  dagster: fc.option(name),
  dagsterTaskiq: fc.option(name),
  job: fc.option(name),
});

test("every envelope comes through the wire as it was", () => {
  fc.assert(
    fc.property(envelope, (sent) => {
      const read = decode(JSON.stringify(toWire(sent)));
      assert.equal(read.kind, "step");
      // JSON knows no negative zero, and valibot's records have no prototype of their own to
      // compare.
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify({ kind: "step", envelope: sent })));
    }),
    { numRuns: 2_000 },
  );
});

test("every envelope comes through a TaskIQ envelope as it was, in each place where it may stand", () => {
  fc.assert(
    fc.property(envelope, (sent) => {
      const wire = toWire(sent);
      const bare = { task_id: "t", task_name: "n", labels: {}, args: [], kwargs: {} };
      const places = [
        { args: [wire] },
        { args: [JSON.stringify(wire)] },
        { kwargs: { payload: wire } },
        { kwargs: wire },
      ];
      const expected = decode(JSON.stringify(wire));
      for (const place of places) assert.deepEqual(decode(JSON.stringify({ ...bare, ...place })), expected);
    }),
    { numRuns: 500 },
  );
});
