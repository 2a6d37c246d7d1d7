// An exported file comes back from an editor. It is read as an export, or a sentence says why not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readLetter } from "../../../../core/dead-letters/read-letter.ts";
import { exportText } from "../../../../core/dead-letters/records.ts";
import { readExport } from "../../../../core/dead-letters/replay/read-export.ts";
import { NOTE_ATTRIBUTE } from "../../../../core/queue/dead-letter-note.ts";
import { readMessage } from "../../../../core/queue/sqs/message.ts";
import { hostileBody } from "../../step/envelope/bodies.ts";

function exported(bodies: readonly string[]): string {
  const letters = bodies.map((body, i) => {
    const MessageAttributes = { [NOTE_ATTRIBUTE]: { DataType: "String", StringValue: "{" } };
    const message = readMessage({ MessageId: `m${i}`, Body: body, MessageAttributes }, 0);
    const letter = readLetter(message, { isMoved: () => true, retentionMs: 1_000 });
    const verdict = { kind: "unknown", act: "ask", words: "?" } as const;
    return { letter, row: null, standing: null, verdict: verdict as never };
  });
  return exportText(letters);
}

test("an export of any bodies is read as it was written", () => {
  fc.assert(
    fc.property(fc.array(hostileBody, { maxLength: 4 }), (bodies) => {
      const read = readExport(exported(bodies));
      assert.ok(!("problem" in read));
      // A file holds no half of a surrogate pair; JSON escapes it.
      assert.deepEqual([...read.bodies.values()], bodies);
      assert.deepEqual([read.edited, read.intact], [[], true]);
    }),
  );
});

test("any other text is an export, or is refused with the reason", () => {
  const whole = exported(["{}", '{"version":1}']);
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const damaged = fc.tuple(fc.nat(whole.length), fc.nat(20), fc.string({ unit: "binary" })).map(([at, cut, put]) => {
    return `${whole.slice(0, at)}${put}${whole.slice(at + cut)}`;
  });
  const last = fc.jsonValue().map((count) => `${JSON.stringify({ taskiq_export: 1, count, sha256: "" })}\n`);
  const texts = fc.oneof(
    damaged,
    last,
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(deep, "", "\n\n", "null"),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const read = readExport(text);
      if ("problem" in read) assert.ok(read.problem.length < 200);
      else for (const body of read.bodies.values()) assert.equal(typeof body, "string");
    }),
    { numRuns: 500 },
  );
});
