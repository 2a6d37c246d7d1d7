// A dead letter as it is read: what it names, why it is there, since when, and until when.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLetter } from "../../../core/dead-letters/read-letter.ts";
import { bodyFor, message, sentAtMs } from "../../support/sqs/messages.ts";
import { aLetter, buriedAtMs, DAY_MS, moved } from "./letters.ts";

test("a letter that a worker buried says who buried it, why, and its group", () => {
  const letter = aLetter("m1", { groupId: "customer-7", body: bodyFor("load", { retry_count: 2 }) });
  assert.deepEqual([letter.step, letter.key], [{ runId: "run-1", stepKey: "load", attempt: 2 }, "run-1:load:2"]);
  assert.deepEqual([letter.reason, letter.detail, letter.errorClass], ["crash_loop", "SIGKILL", "ValueError"]);
  assert.equal(letter.fingerprint, "f00d");
  const burial = { worker: "worker-1", starts: 3, sourceUrl: "https://sqs/steps", messageId: "sent-m1" };
  assert.deepEqual(letter.burial, burial);
  assert.equal(letter.groupId, "customer-7");
  assert.deepEqual([letter.sinceMs, letter.expiresAtMs], [buriedAtMs, buriedAtMs + 14 * DAY_MS]);
});

test("a letter that SQS itself moved is explained, and its age counts from when it was sent", () => {
  const letter = moved("m1", { groupId: "g" });
  const { reason, detail, burial, groupId, sinceMs } = letter;
  const why = "SQS moved it: it was received too often without an end";
  assert.deepEqual([reason, detail, burial, groupId, sinceMs], ["moved_by_sqs", why, null, "g", sentAtMs]);
  assert.equal(letter.fingerprint, moved("m2").fingerprint);
  assert.notEqual(letter.fingerprint, aLetter("m3", { fingerprint: null }).fingerprint);
});

test("a letter that SQS moved from another queue names that queue", () => {
  const elsewhere = message("m1", { movedFrom: "arn:aws:sqs:eu-west-1:1:theirs" });
  const { reason, detail } = readLetter(elsewhere, { isMoved: () => false, retentionMs: null });
  assert.deepEqual(
    [reason, detail],
    ["moved_from_elsewhere", "SQS moved it from another queue: arn:aws:sqs:eu-west-1:1:theirs"],
  );
});

test("a letter's expiry is unknown if the queue does not say how long it keeps messages", () => {
  assert.equal(readLetter(message("m1"), { isMoved: () => true, retentionMs: null }).expiresAtMs, null);
});

test("a letter whose body cannot be run names what can be read in it", () => {
  const bodies = ["{}", bodyFor("load", { retry_mode: 7 }), bodyFor("load", { version: 2 })];
  assert.deepEqual(
    bodies.map((body) => moved("m", { body })).map(({ body, key }) => [body, key]),
    [
      ["malformed", null],
      ["malformed", "run-1:load"],
      ["newer_version", null],
    ],
  );
});

test("the envelope says whether a fault is answered by a retry", () => {
  const planned = [null, { retry_in: 5 }].map((on_fault) => moved("m", { body: bodyFor("load", { on_fault }) }));
  assert.deepEqual(
    planned.map(({ retryPlanned }) => retryPlanned),
    [false, true],
  );
});
