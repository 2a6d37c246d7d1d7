// The two halves meet in messages and frames, and each has a decoder of its own: whatever text
// there is, both take it or neither does, and for the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { decodeFrame } from "../../core/runner/frames.ts";
import { decode, toWire } from "../../core/step/envelope.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { attacks } from "../support/sqs/attacks.ts";
import { good, hostileBody } from "../unit/step/envelope/bodies.ts";

const SEED = 20_261_127;
const reader = fileURLToPath(new URL("../support/dagster/read_wire.py", import.meta.url));
const fixtures = (name: string) => new URL(`../../fixtures/${name}/`, import.meta.url);

/** JSON texts that a field may hold; what only a text can say (1.0, 1e400, NaN) stands as it is. */
const odd = [
  ...[
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "-1",
    "-0",
    "0.0",
    "1.0",
    "1e0",
    "0.5",
    "1e-400",
    "1e400",
    "-1e400",
    "NaN",
  ],
  ...["Infinity", "-Infinity", "2147483647", "2147483648", "9007199254740993", `1${"0".repeat(309)}`],
  ...['""', '" "', '"1"', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00"', '"\\ud83d\\ude00"', '"\\udc00\\ud83d"'],
  ...['"☂"', '"a\tb"', '"deferred"', '"disabled"', '"Deferred"', '"z:"', '"__proto__"'],
  ...['"a:1"', '"a/b"', '"a\\\\b"', JSON.stringify("k".repeat(256)), JSON.stringify("ø".repeat(1_001))],
  ...["31622400", "31622401", "253402300799.9", "253402300800", "1e308", '{"retry_in":31622400}', '{"retry_in":1e308}'],
  ...["[]", "{}", "[[]]", '["a"]', '{"a":"b"}', '{"a":1}', '{"a":null}', '{"__proto__":"x"}', '{"__proto__":7}'],
  ...['{"constructor":"x","prototype":"y"}', '{"":""}', '{"\\ud800":"\\udc00"}', '{"a":"b","a":"c"}'],
  ...[
    '{"retry_in":0}',
    '{"retry_in":-0.0}',
    '{"retry_in":null}',
    '{"retry_in":1e400}',
    '{"retry_in":true}',
    '{"retry_in":1,"more":2}',
  ],
  ...['{"retry_in":"1"}', `{"retry_in":1${"0".repeat(400)}}`, '[{"retry_in":1}]'],
];

function goldenBodies(): readonly string[] {
  const folder = fixtures("envelopes");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8")).body)
    .map((body) => (typeof body === "string" ? body : JSON.stringify(body)));
}

/**
 * The good body with each field left out, and with each odd value in it; and the same said twice,
 * the odd one first.
 */
function mutations(): readonly string[] {
  const names = Object.keys(good);
  const text = (fields: readonly (readonly [string, string])[]) =>
    `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
  const whole = names.map((name) => [name, JSON.stringify(good[name])] as const);
  return names.flatMap((name) => [
    text(whole.filter(([other]) => other !== name)),
    ...odd.map((value) => text(whole.map(([other, own]) => [other, other === name ? value : own]))),
    ...odd.map((value) => text([[name, value], ...whole])),
  ]);
}

/** As a number, a text, a list or an object: 30.0 is 30, and the order of names says nothing. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === "number") return value + 0;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, own]) => [name, canonical(own)]),
  );
}

/** What Python reads in each text; null where it refuses. */
function inPython(what: "body" | "frame", texts: readonly string[]): readonly unknown[] {
  const input = texts.map((text) => `${JSON.stringify(text)}\n`).join("");
  const { stdout, stderr, status } = spawnSync(PYTHON, [reader, what], {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  assert.equal(status, 0, stderr.slice(-2_000));
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, texts.length);
  return lines.map((line): unknown => JSON.parse(line));
}

function differences(texts: readonly string[], ours: readonly unknown[], theirs: readonly unknown[]): string[] {
  return texts.flatMap((text, i) => {
    const [one, other] = [ours[i], theirs[i]].map((read) => JSON.stringify(canonical(read)));
    return one === other
      ? []
      : [`${text.slice(0, 300)}\n  TypeScript ${one?.slice(0, 200)}\n  Python ${other?.slice(0, 200)}`];
  });
}

/**
 * Python is never sent what only TypeScript reads: bare tasks, and what a TaskIQ envelope carries.
 */
function isVersioned(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return true;
    const { task_id: id, task_name: name } = parsed as Record<string, unknown>;
    return Object.hasOwn(parsed, "version") && !(typeof id === "string" && typeof name === "string");
  } catch {
    return true;
  }
}

describe("message bodies", () => {
  const hostile = attacks.map(({ body, end }) => ({
    end,
    text: body({ running: "run-1", mapped: "run-2", trap: "/tmp/trap" }),
  }));
  const bodies = [
    ...[...goldenBodies(), ...mutations(), ...hostile.map(({ text }) => text)],
    ...fc.sample(hostileBody, { seed: SEED, numRuns: 20_000 }),
  ];
  const wireOf = (text: string) => {
    const decoded = decode(text);
    return decoded.kind === "step" ? toWire(decoded.envelope) : null;
  };

  test("message bodies of version 1 are taken by both decoders or by neither, and mean the same", () => {
    const versioned = bodies.filter(isVersioned);
    const ours = versioned.map(wireOf);
    assert.ok(ours.filter((read) => read !== null).length > 300, "too few that are good");
    assert.deepEqual(differences(versioned, ours, inPython("body", versioned)), []);
  });

  test("message bodies of an attack that a decoder has to stop are refused by both decoders", () => {
    const texts = hostile.filter(({ end }) => end === "malformed").map(({ text }) => text);
    assert.ok(texts.length > 10);
    assert.deepEqual([...texts.map(wireOf), ...inPython("body", texts)], Array(2 * texts.length).fill(null));
  });

  test("message bodies that the worker takes, whatever they came in, mean the same to its step host", () => {
    const sent = bodies.map(wireOf).filter((read) => read !== null);
    const texts = sent.map((read) => JSON.stringify(read));
    assert.deepEqual(differences(texts, sent, inPython("body", texts)), []);
  });
});

describe("frames", () => {
  const folder = fixtures("frames");
  const golden = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as { frame?: unknown; line?: string })
    .map(({ frame, line }) => line ?? JSON.stringify(frame));
  const around = odd.flatMap((value) => [
    value,
    `{"type":${value}}`,
    `{"type":"x","more":${value}}`,
    `{"type":"x",${value}`,
    ` {"type":"x"}`,
    `\ufeff{"type":"x"}`,
    `\u00a0{"type":"x"}`,
    `{"type":"x"}${value}`,
  ]);
  const lines = [
    ...golden,
    ...golden.map((line) => line.slice(0, -1)),
    ...around,
    ...fc.sample(fc.oneof(fc.json(), fc.string({ unit: "binary" })), { seed: SEED, numRuns: 5_000 }),
  ].map((line) => line.toWellFormed().replaceAll("\n", " "));

  test("frames are JSON objects with a type to both decoders, or to neither", () => {
    const isFrame = (line: string) => {
      const frame = decodeFrame(line);
      return !(frame?.type === "broken" && /^no(?:t JSON| type): /.test(frame.detail));
    };
    const ours = lines.map((line) => (isFrame(line) ? "frame" : null));
    assert.ok(ours.filter((read) => read !== null).length > 100, "too few that are good");
    assert.deepEqual(differences(lines, ours, inPython("frame", lines)), []);
  });
});
