// The envelope against its golden files, which the Python tests read too.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type Decoded, decode, toWire } from "../../../../core/step/envelope.ts";
import { idempotencyKey, type StepId } from "../../../../core/step/step.ts";

interface Golden {
  readonly about: string;
  readonly body: unknown;
  readonly expect: Readonly<Record<string, unknown>> & { readonly kind: string };
}

const folder = new URL("../../../../fixtures/envelopes/", import.meta.url);
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ name, golden: read(name) }));

test("there are golden envelopes of every kind", () => {
  const kinds = new Set(goldens.map(({ golden }) => golden.expect.kind));
  assert.deepEqual([...kinds].sort(), ["malformed", "step", "unknown_version"]);
});

for (const { name, golden } of goldens) {
  describe(name, () => {
    // What only producers need to agree on is the Python tests' to check.
    const { group_id: _groupId, ...expected } = golden.expect;
    const body = typeof golden.body === "string" ? golden.body : JSON.stringify(golden.body);

    test(`the golden envelope ${name} is decoded: ${golden.about}`, () =>
      assert.deepEqual(summary(decode(body)), expected));

    if (golden.expect.kind !== "step") return;
    test(`the part of ${name} that frames have decodes to the same`, () => {
      assert.deepEqual(summary(decode(JSON.stringify(golden.expect["envelope"]))), expected);
    });
  });
}

/**
 * What a golden file would say of a body that was decoded to this; a malformed one's detail is for
 * people.
 */
function summary(decoded: Decoded): unknown {
  switch (decoded.kind) {
    case "step":
      return { kind: "step", key: idempotencyKey(decoded.envelope), envelope: toWire(decoded.envelope) };
    case "malformed":
      return { kind: "malformed", step: decoded.step === null ? null : wireId(decoded.step) };
    case "unknown_version":
      return decoded;
  }
}

function wireId({ runId, stepKey, attempt }: StepId): unknown {
  return { run_id: runId, step_key: stepKey, retry_count: attempt };
}

function read(name: string): Golden {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Golden;
}
