// Dead letters that no worker of ours wrote: who may send to the queue writes body and note as they
// like.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readLetter } from "../../../core/dead-letters/read-letter.ts";
import { NOTE_ATTRIBUTE, producerAttributes, readNote } from "../../../core/queue/dead-letter-note.ts";
import type { Message } from "../../../core/queue/port.ts";
import { readMessage } from "../../../core/queue/sqs/message.ts";
import { hostileBody } from "../step/envelope/bodies.ts";

const good: Readonly<Record<string, unknown>> = {
  reason: "crash_loop",
  detail: "started 3 times",
  error_class: null,
  fingerprint: null,
  starts: 3,
  worker: "worker-1",
  source_queue: "http://127.0.0.1/steps.fifo",
  message_id: "m",
  group_id: null,
  first_received_at: 1_790_000_000,
  buried_at: 1_790_000_001,
};

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(null, [null], { a: null }, { a: { data_type: 1 } }, -1, 1e308, "\ud800", {}),
);
const key = fc.constantFrom(...Object.keys(good), "folded", "__proto__", "constructor");
const nearly = fc.dictionary(key, odd, { maxKeys: 2 }).map((changes) => JSON.stringify({ ...good, ...changes }));
const deep = `{"reason":"x","folded":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
const hostileNote = fc.oneof(nearly, fc.json(), fc.string(), fc.constantFrom(deep, "null", '{"reason":"x"}'));

function letter(note: string, body = "{}"): Message {
  const MessageAttributes = { [NOTE_ATTRIBUTE]: { DataType: "String", StringValue: note } };
  return readMessage({ MessageId: "m", Body: body, MessageAttributes }, 0);
}

test("a note is read as a note only when all of it is valid", () => {
  assert.deepEqual(readNote(letter(JSON.stringify(good))), good);
  const wrong: readonly (readonly [string, unknown])[] = [
    ["detail", 7],
    ["buried_at", 1e300],
    ["buried_at", undefined],
    ["folded", [null]],
    ["folded", { a: { data_type: "String", binary_value: 7 } }],
  ];
  for (const [field, value] of wrong) {
    assert.equal(readNote(letter(JSON.stringify({ ...good, [field]: value }))), null, `${field} ${value}`);
  }
});

test("an attribute that was folded comes back, whatever its name", () => {
  for (const name of ["constructor", "__proto__", "color"]) {
    const folded = `{${JSON.stringify(name)}:{"data_type":"String","string_value":"blue"}}`;
    const note = JSON.stringify(good).replace(/}$/, `,"folded":${folded}}`);
    const attributes = producerAttributes(letter(note));
    assert.deepEqual(Object.getOwnPropertyDescriptor(attributes, name)?.value, {
      dataType: "String",
      stringValue: "blue",
    });
  }
});

test("no note and no body keep a dead letter from being shown", () => {
  fc.assert(
    fc.property(hostileNote, hostileBody, (note, body) => {
      const message = letter(note, body);
      producerAttributes(message);
      const read = readLetter(message, { isMoved: () => true, retentionMs: 1_000 });
      for (const text of [read.reason, read.detail, read.fingerprint]) assert.equal(typeof text, "string");
      assert.doesNotThrow(() => new Date(read.sinceMs).toISOString());
    }),
    { numRuns: 500 },
  );
});
