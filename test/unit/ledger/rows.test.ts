// Answers of a database whose rows were edited by hand: each is a row of the port's shape or a
// Fault that names what is wrong.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Fault } from "../../../core/faults.ts";
import { encodeOutcome } from "../../../core/ledger/outcome-text.ts";
import {
  type Found,
  readBurialKey,
  readClaim,
  readQuietReport,
  readQuietRequest,
  readReopening,
  readReplay,
  readRow,
} from "../../../core/ledger/rows.ts";
import { outcome } from "../../contract/ledger-setup.ts";

const settled: Found = {
  idempotency_key: "run-1:load",
  run_id: "run-1",
  step_key: "load",
  attempt: 0,
  state: "completed",
  fence: 1,
  owner: "worker-a",
  lease_expires_at: null,
  starts: 1,
  outcome: encodeOutcome(outcome()),
  payload_digest: "d",
  body_bound: true,
  message_id: "m",
  received_at: 1,
  updated_at: 2,
  settled_at: 3,
};
const granted = { kind: "granted", fence: 1, starts: 1, taken_over_from: null, payload_digest: "d" };
const held = { kind: "held", owner: "worker-a", left_ms: 0.5 };
const ended = { kind: "settled", state: "failed", outcome: encodeOutcome(outcome({ state: "failure" })) };
const replay = {
  letterId: "l",
  queueUrl: "u",
  subject: "s",
  number: 1,
  act: "replay",
  state: "sent",
  sentId: "m",
  who: "w",
  why: "y",
  plannedAtMs: 1,
  updatedAtMs: 2,
};
const reopening = { key: "k", fence: 2, fromState: "dead", fromStarts: 3, who: "w", why: "y", atMs: 1 };
const quietRequest = {
  worker: "worker-a",
  queue: "",
  who: "w",
  why: null,
  askedAtMs: 1,
  untilMs: 2,
  liftedBy: "w",
  liftedAtMs: 3,
};
const quietReport = { worker: "worker-a", queue: "steps.fifo", busy: 1, idle: 0n, agoMs: 0.5 };

const readers: readonly (readonly [string, readonly Found[], (found: Found) => object])[] = [
  ["a record", [settled], readRow],
  ["a claim's answer", [granted, held, ended], (found) => readClaim(found, "run-1:load")],
  ["a replay", [replay], readReplay],
  ["a reopening", [reopening], readReopening],
  ["a burial key", [{ burial_key: "k".repeat(64) }], (found) => [readBurialKey(found)]],
  ["a quiet request", [quietRequest], readQuietRequest],
  ["a quiet report", [quietReport], readQuietReport],
];

const odd = fc.oneof(
  fc.jsonValue(),
  fc.bigInt(),
  fc.double(),
  fc.date(),
  fc.uint8Array(),
  fc.string({ unit: "binary" }),
  fc.constantFrom<unknown>(undefined, null, Number.POSITIVE_INFINITY, 2 ** 60, "\ud800", "[".repeat(100_000)),
  fc.jsonValue().map((value) => JSON.stringify({ ...outcome(), error: value })),
  fc
    .dictionary(fc.constantFrom(...Object.keys(outcome()), "__proto__"), fc.jsonValue())
    .map((changes) => JSON.stringify({ ...outcome(), ...changes })),
);

for (const [what, goods, read] of readers) {
  describe(what, () => {
    test(`${what} as the ledger writes it is read back`, () => {
      for (const good of goods) assert.ok(read(good));
    });

    test(`${what} with anything in its columns is read, or refused by name`, () => {
      for (const good of goods) {
        const changed = fc.dictionary(fc.constantFrom(...Object.keys(good)), odd, { maxKeys: 3 });
        fc.assert(
          fc.property(changed, (changes) => {
            try {
              assertPlain(read({ ...good, ...changes }));
            } catch (error) {
              if (!(error instanceof Fault)) throw error;
              assert.equal(error.code, "TQ_LEDGER_ROW");
              assert.match(error.message, /^ledger, table taskiq_\w+, row .*, column \w/su);
              assert.ok(error.message.length < 700, `${error.message.length}`);
            }
          }),
          { numRuns: 2_000 },
        );
      }
    });
  });
}

/** Times can be shown, numbers counted with, and all of it written as JSON. */
function assertPlain(row: object): void {
  JSON.stringify(row);
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "number") assert.ok(Number.isFinite(value), `${name}: ${value}`);
    if (name.endsWith("AtMs") && typeof value === "number") assert.doesNotThrow(() => new Date(value).toISOString());
  }
}

test("a quiet row whose worker cannot be made a text is refused by name", () => {
  const worker = { toString: [] };
  for (const read of [
    () => readQuietRequest({ ...quietRequest, worker }),
    () => readQuietReport({ ...quietReport, worker }),
  ])
    assert.throws(read, (error) => error instanceof Fault && /row without a key, column worker/.test(error.message));
});
