// The frames between worker and step host, against the golden ones that the Python tests read too.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeFrame, encodeFrame, type WorkerFrame } from "../../../core/runner/frames.ts";

interface Golden {
  readonly about: string;
  readonly from: "host" | "worker" | "either";
  readonly frame?: { readonly type: string };
  readonly line?: string;
}

const folder = new URL("../../../fixtures/frames/", import.meta.url);
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ name, golden: JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Golden }));

const fromHost = ["location", "ready", "fatal", "started", "capture", "ask", "outcome", "exited"];
const fromWorker = ["run", "report", "notice", "probe", "look", "permit", "kill", "stop"];

describe("golden frames", () => {
  test("every type of frame has a golden file", () => {
    const types = new Set(goldens.map(({ golden }) => golden.frame?.type));
    assert.deepEqual(
      [...fromHost, ...fromWorker].filter((type) => !types.has(type)),
      [],
    );
  });

  for (const { name, golden } of goldens) {
    const { about, from, frame, line } = golden;
    test(`the golden frame ${name} is read and written: ${about}`, () => {
      if (frame === undefined) assert.equal(decodeFrame(line ?? "")?.type, "broken");
      else if (from === "worker") assert.deepEqual(JSON.parse(encodeFrame(frame as WorkerFrame)), frame);
      // What the worker has no use for, it drops.
      else if (fromHost.includes(frame.type)) assert.partialDeepStrictEqual(frame, decodeFrame(JSON.stringify(frame)));
      else assert.equal(decodeFrame(JSON.stringify(frame)), null);
    });
  }
});

describe("a line that is not a frame", () => {
  const rows: readonly [string, string][] = [
    ["", "not JSON: "],
    ["Traceback (most recent call last):", "not JSON: Traceback (most recent call last):"],
    [`x${"y".repeat(500)}`, `not JSON: x${"y".repeat(199)}`],
    ["null", "no type: null"],
    ['"ready"', 'no type: "ready"'],
    ["[1]", "no type: [1]"],
    ['{"type":7}', 'no type: {"type":7}'],
    ['{"type":"ask"}', 'ask.id: Invalid key: Expected "id" but received undefined'],
    ['{"type":"started","id":"1","pid":"2"}', 'started.pid: Invalid type: Expected number but received "2"'],
    [
      '{"type":"outcome","id":"1","outcome":{"kind":"success","result":null}}',
      "outcome.outcome.result: Invalid type: Expected Object but received null",
    ],
    ['{"type":"outcome","id":"1","outcome":{"kind":"odd"}}', "outcome.outcome.kind: "],
  ];
  for (const [line, detail] of rows) {
    test(`the line "${line.slice(0, 60)}" is a broken frame`, () => {
      const frame = decodeFrame(line);
      assert.equal(frame?.type, "broken");
      if (frame?.type === "broken") assert.ok(frame.detail.startsWith(detail), frame.detail);
    });
  }

  test("a number that JSON cannot keep is refused, because the ledger would hold a null in its place", () => {
    const error = { class: "E", message: "m", traceback: "t" };
    const times = { started_at: 1, completed_at: 1, execution_time_seconds: 1 };
    const result = { state: "failure", output: null, error, ...times };
    const line = JSON.stringify({ type: "outcome", id: "1", outcome: { kind: "failure", result } });
    assert.equal(decodeFrame(line)?.type, "outcome");
    for (const name of Object.keys(times)) {
      assert.equal(decodeFrame(line.replace(`"${name}":1`, `"${name}":1e400`))?.type, "broken", name);
    }
  });

  test("no line makes the decoder throw, or quote more than a little of it", () => {
    const golden = goldens.flatMap(({ golden: { frame } }) => (frame === undefined ? [] : [frame]));
    const names = [...new Set(golden.flatMap((frame) => Object.keys(frame)))];
    const odd = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.constantFrom("x".repeat(100_000), -1, [[]]));
    const changed = fc
      .tuple(fc.constantFrom(...golden), fc.dictionary(fc.constantFrom(...names, "__proto__"), odd, { maxKeys: 2 }))
      .map(([frame, changes]) => JSON.stringify({ ...frame, ...changes }));
    const typed = fc
      .tuple(fc.constantFrom(...fromHost), fc.dictionary(fc.string(), fc.jsonValue()))
      .map(([type, more]) => JSON.stringify({ ...more, type }));
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const nested = fc.constantFrom(
      deep,
      `{"type":"outcome","id":"1","outcome":${deep}}`,
      `{"type":"ask","id":${deep}}`,
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json(), typed, changed, nested), (line) => {
        const frame = decodeFrame(line);
        assert.ok(frame === null || typeof frame.type === "string");
        if (frame?.type === "broken") assert.ok(frame.detail.length < 500 && frame.detail.isWellFormed(), frame.detail);
      }),
      { numRuns: 500 },
    );
  });
});

test("a frame is one line, whatever its texts hold", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (message) => {
      const frame: WorkerFrame = {
        type: "notice",
        id: "1",
        run_id: "run-1",
        step_key: "load",
        message,
        level: "info",
        metadata: {},
      };
      const line = encodeFrame(frame);
      assert.ok(line.endsWith("\n") && line.indexOf("\n") === line.length - 1);
      assert.ok(line.isWellFormed());
      assert.deepEqual(JSON.parse(line), frame);
    }),
  );
});

test("unknown fields of a known frame are dropped", () => {
  assert.deepEqual(decodeFrame('{"type":"ask","id":"1","color":"blue"}'), { type: "ask", id: "1" });
});

test("an unknown frame type is not an error, since a newer host may send more types", () => {
  assert.equal(decodeFrame('{"type":"toString"}'), null);
  assert.equal(decodeFrame('{"type":"heartbeat","id":"1"}'), null);
});
