// Bodies that no producer of ours wrote: whatever the queue holds is decoded to one of three kinds,
// never thrown at.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Decoded, decode, toWire } from "../../../../core/step/envelope.ts";
import { body, good, hostileBody } from "./bodies.ts";

describe("hostile bodies", () => {
  test("hostile bodies decode to one of three kinds, and never throw", () => {
    fc.assert(
      fc.property(hostileBody, (text) => {
        const decoded = decode(text);
        assert.ok(["step", "unknown_version", "malformed"].includes(decoded.kind));
        if (decoded.kind === "malformed") assert.notEqual(decoded.detail, "");
      }),
      { numRuns: 5_000 },
    );
  });

  test("a step is only ever named by texts and numbers that every ledger can hold", () => {
    fc.assert(
      fc.property(hostileBody, (text) => {
        const step = stepOf(decode(text));
        if (step === null) return;
        for (const name of [step.runId, step.stepKey]) {
          assert.notEqual(name, "");
          assert.ok(name.isWellFormed() && !name.includes("\0"), `unexpected ${JSON.stringify(name)}`);
        }
        assert.ok(Number.isInteger(step.attempt) && step.attempt >= 0 && step.attempt < 2 ** 31, `got ${step.attempt}`);
      }),
      { numRuns: 5_000 },
    );
  });

  test("a step survives the way through a frame", () => {
    fc.assert(
      fc.property(hostileBody, (text) => {
        const decoded = decode(text);
        if (decoded.kind !== "step") return;
        // A frame leaves out the fields that hosts do not get.
        const carried = { ...decoded, envelope: { ...decoded.envelope, knownState: null } };
        assert.deepEqual(decode(JSON.stringify(toWire(decoded.envelope))), carried);
      }),
      { numRuns: 5_000 },
    );
  });

  test("nesting as deep as a message can hold is decoded without a crash", () => {
    const deep = 500_000;
    const nested = `${"[".repeat(deep)}${"]".repeat(deep)}`;
    assert.deepEqual(decode(nested), { kind: "malformed", detail: "expected a JSON object", step: null });
    assert.equal(decode(body().replace("{", `{"unknown":${nested},`)).kind, "step");
    assert.deepEqual(decode(body().replace('{"taskiq/group":"oslo"}', nested)), {
      kind: "malformed",
      detail: "tags: expected an object",
      step: { runId: "run-1", stepKey: "load", attempt: 0 },
    });
  });

  test("the detail of a malformed body cuts long values", () => {
    const long = "☂".repeat(100_000);
    const step = { runId: "run-1", stepKey: "load", attempt: 0 };
    assert.deepEqual(decode(body({ retry_mode: long })), {
      kind: "malformed",
      step,
      detail: `retry_mode: Invalid type: Expected ("deferred" | "disabled") but received "${long.slice(0, 85)}…`,
    });
    const decoded = decode(body({ tags: { [long]: 1 } }));
    assert.equal(decoded.kind === "malformed" && decoded.detail, `tags.${long.slice(0, 155)}…`);
  });

  test("a __proto__ field names nothing and reaches no object's prototype", () => {
    const polluting = '{"__proto__":{"run_id":"evil","step_key":"evil"},"retry_count":0}';
    assert.deepEqual(decode(polluting), {
      kind: "malformed",
      detail: 'run_id: Invalid key: Expected "run_id" but received undefined',
      step: null,
    });
    const tagged = decode(body().replace('{"taskiq/group"', '{"__proto__":"evil","taskiq/group"'));
    assert.equal(decoded(tagged)["taskiq/group"], "oslo");
    assert.equal(Object.getPrototypeOf(decoded(tagged)), Object.prototype);
    assert.equal(({} as Record<string, unknown>)["run_id"], undefined);
  });
});

describe("what is malformed, and whether its step can still be reported", () => {
  const readable = { runId: "run-1", stepKey: "load", attempt: 0 };
  const rows: readonly [string, string, string, typeof readable | null][] = [
    ["nothing at all", "", "expected a JSON object", null],
    ["a list", "[]", "expected a JSON object", null],
    [
      "an attempt beyond every integer column",
      body({ retry_count: 2 ** 31 }),
      "retry_count: expected less than 2147483648",
      null,
    ],
    ["an attempt beyond precision", body({ retry_count: 1e300 }), "retry_count: expected less than 2147483648", null],
    ["a NUL in the step key", body({ step_key: "lo\0ad" }), "step_key: expected neither NUL nor lone surrogates", null],
    [
      "a lone surrogate in the run id",
      body({ run_id: "run\ud800" }),
      "run_id: expected neither NUL nor lone surrogates",
      null,
    ],
    [
      "a tag that is not a text",
      body({ tags: { a: 1 } }),
      "tags.a: Invalid type: Expected string but received 1",
      readable,
    ],
    [
      "a TaskIQ envelope with nothing in it",
      JSON.stringify({ task_id: "t", task_name: "n", args: [], kwargs: {} }),
      "TaskIQ envelope carries no step in args[0], kwargs.payload or kwargs",
      null,
    ],
  ];
  for (const [what, text, detail, step] of rows) {
    test(`a body with ${what} is malformed, and its step ${step === null ? "cannot" : "can"} be reported`, () =>
      assert.deepEqual(decode(text), { kind: "malformed", detail, step }));
  }
});

describe("versions", () => {
  test("an envelope of a later version is reported as unknown", () => {
    assert.deepEqual(decode(body({ version: 2 })), { kind: "unknown_version", version: 2 });
  });

  for (const version of [0, -1, 1.5, "1", null, true, {}]) {
    test(`an envelope of version ${JSON.stringify(version)} is malformed`, () =>
      assert.equal(decode(body({ version })).kind, "malformed"));
  }
});

test("a body is taken for a TaskIQ envelope only when both its names are texts", () => {
  assert.equal(decode(JSON.stringify({ ...good, task_id: 1, task_name: "n" })).kind, "step");
  assert.equal(decode(JSON.stringify({ ...good, task_id: "t", task_name: "n" })).kind, "malformed");
});

function stepOf(decoded: Decoded) {
  if (decoded.kind === "step") return decoded.envelope;
  return decoded.kind === "malformed" ? decoded.step : null;
}

function decoded(answer: Decoded): Readonly<Record<string, string>> {
  assert.equal(answer.kind, "step");
  return answer.kind === "step" ? answer.envelope.tags : {};
}
