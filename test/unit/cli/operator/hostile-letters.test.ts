// Dead letters that anyone may have written, as people see them: nothing in one keeps the list from
// being shown, and nothing steers a terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { groupTable, letterDetails, letterTable, type Page } from "../../../../cli/operator/letter-texts.ts";
import { groupLetters } from "../../../../core/dead-letters/groups.ts";
import { joinLetters } from "../../../../core/dead-letters/join.ts";
import { readLetter } from "../../../../core/dead-letters/read-letter.ts";
import { exportText } from "../../../../core/dead-letters/records.ts";
import { NOTE_ATTRIBUTE } from "../../../../core/queue/dead-letter-note.ts";
import { readMessage } from "../../../../core/queue/sqs/message.ts";
import { hostileBody } from "../../step/envelope/bodies.ts";

const nowMs = 1_790_000_000_000;
const page: Page = { width: 80, nowMs, colours: (_act, words) => words };
const deep = `{"reason":"x","known":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("\u001b[2J", "\u202e", "\ud800", "a\nb", "x".repeat(5_000)),
);
const numbers = fc.oneof(
  text,
  fc.constantFrom("0", "9".repeat(13), "9".repeat(15), "8640000000000000", "9".repeat(400)),
);
const note = fc
  .record({
    reason: text,
    detail: text,
    error_class: fc.option(text),
    worker: text,
    source_queue: text,
    buried_at: fc.nat(),
  })
  .map((fields) =>
    JSON.stringify({ fingerprint: null, starts: 3, message_id: "m", group_id: "g", first_received_at: 1, ...fields }),
  );
const letter = fc
  .record({
    body: fc.oneof(hostileBody, fc.constant(deep)),
    note: fc.option(fc.oneof(note, text)),
    sent: numbers,
    receives: numbers,
    id: text,
    group: text,
  })
  .map((given) => {
    const MessageAttributes =
      given.note === null ? {} : { [NOTE_ATTRIBUTE]: { DataType: "String", StringValue: given.note } };
    const Attributes = {
      SentTimestamp: given.sent,
      ApproximateReceiveCount: given.receives,
      MessageGroupId: given.group,
    };
    const message = readMessage({ MessageId: given.id, Body: given.body, MessageAttributes, Attributes }, nowMs);
    return readLetter(message, { isMoved: () => true, retentionMs: 14 * 86_400_000 });
  });

test("any dead letters are listed, grouped, shown and exported, and steer no terminal", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(letter, { minLength: 1, maxLength: 3 }), async (letters) => {
      const { letters: joined } = await joinLetters(letters, { ledger: null, dagster: null, nowMs });
      const shown = [
        ...[80, Number.POSITIVE_INFINITY].map((width) => letterTable(joined, { ...page, width })),
        groupTable(groupLetters(joined), page),
        ...joined.map((one) => letterDetails(one, page)),
      ];
      for (const one of shown) assert.doesNotMatch(one, /[^\P{C}\n\t]/u);
      assert.ok(exportText(joined).endsWith("\n"));
    }),
    { numRuns: 150, endOnFailure: true },
  );
});
