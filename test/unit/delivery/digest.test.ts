// The payload digest: the same for the same work, another for any other work.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { payloadDigest } from "../../../core/delivery/digest.ts";
import type { Envelope } from "../../../core/step/envelope.ts";

const envelope: Envelope = {
  runId: "run-1",
  stepKey: "load",
  attempt: 0,
  opName: "load",
  knownState: "z:eJw=",
  retryMode: "deferred",
  onFault: { retryIn: 30 },
  enqueuedAt: 1_790_000_000.123,
  tags: { "taskiq/group": "g", "taskiq/timeout": "60" },
  instance: "0d1c6a52",
  dagster: "1.13.27",
  dagsterTaskiq: "0.1.0",
  job: "daily",
};

test("the digest is the SHA-256 of the deciding wire fields as JSON with sorted keys", () => {
  const canonical =
    '{"known_state":"z:eJw=","on_fault":{},"op_name":"load","retry_count":0,"retry_mode":"deferred",' +
    '"run_id":"run-1","step_key":"load","tags":{"taskiq/group":"g","taskiq/timeout":"60"}}';
  assert.equal(payloadDigest(envelope), createHash("sha256").update(canonical).digest("hex"));
});

const same: readonly (readonly [string, Partial<Envelope>])[] = [
  ["sent at another time", { enqueuedAt: 1_790_000_999 }],
  ["sent at an unknown time", { enqueuedAt: null }],
  ["with another jittered delay", { onFault: { retryIn: 31 } }],
  ["from a run worker that does not name its instance", { instance: null }],
  ["from a run worker with another Dagster", { dagster: "1.12.22", dagsterTaskiq: null }],
  ["from a run worker that does not name its job", { job: null }],
  ["with its tags in another order", { tags: { "taskiq/timeout": "60", "taskiq/group": "g" } }],
];

for (const [title, change] of same) {
  test(`the same attempt ${title} has the same digest`, () => {
    assert.equal(payloadDigest({ ...envelope, ...change }), payloadDigest(envelope));
  });
}

const different: readonly (readonly [string, Partial<Envelope>])[] = [
  ["run", { runId: "run-2" }],
  ["step", { stepKey: "store" }],
  ["attempt", { attempt: 1 }],
  ["op", { opName: "store" }],
  ["unknown op", { opName: null }],
  ["known state", { knownState: "z:eJx=" }],
  ["unknown state", { knownState: null }],
  ["retry mode", { retryMode: "disabled" }],
  ["fault without a retry", { onFault: null }],
  ["tag value", { tags: { ...envelope.tags, "taskiq/group": "h" } }],
  ["tag more", { tags: { ...envelope.tags, "taskiq/isolation": "spawn" } }],
  ["tag less", { tags: {} }],
];

test("anything else that decides what runs changes the digest", () => {
  const digests = different.map(([, change]) => payloadDigest({ ...envelope, ...change }));
  assert.equal(new Set([payloadDigest(envelope), ...digests]).size, different.length + 1);
});
