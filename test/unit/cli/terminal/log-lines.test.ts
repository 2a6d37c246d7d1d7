// One observation, one line: for people and for machines.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { jsonLine, textLine } from "../../../../cli/terminal/log-lines.ts";
import type { LogRecord } from "../../../../core/observe.ts";

const at = new Date("2026-01-02T03:04:05.678Z");
const claimed: LogRecord = {
  event: "step.claimed",
  level: "info",
  message: "claimed",
  key: "run:fetch",
  messageId: "m-1",
  receiveCount: 2,
  takenOverFrom: undefined,
  fence: 3,
};

describe("text", () => {
  const rows: readonly [string, LogRecord, string][] = [
    [
      "fields",
      claimed,
      "2026-01-02T03:04:05.678Z INFO  step.claimed  claimed  key=run:fetch message_id=m-1 receive_count=2 fence=3",
    ],
    ["no fields", { event: "a.b", level: "error", message: "broken" }, "2026-01-02T03:04:05.678Z ERROR a.b  broken"],
    [
      "blanks, quotes and nothing",
      { event: "a", level: "warn", message: "m", x: "a b", y: 'a"b', z: "", n: null, ok: true },
      '2026-01-02T03:04:05.678Z WARN  a  m  x="a b" y="a\\"b" z="" n=null ok=true',
    ],
    [
      "a step, whose key says which it is, and times of parts of milliseconds",
      {
        event: "a",
        level: "info",
        message: "m",
        key: "r:load:2",
        runId: "r",
        stepKey: "load",
        attempt: 2,
        ranMs: 12.4,
      },
      "2026-01-02T03:04:05.678Z INFO  a  m  key=r:load:2 ran_ms=12",
    ],
    [
      "a stack trace",
      { event: "a", level: "debug", message: "Error: x\n  at y" },
      "2026-01-02T03:04:05.678Z DEBUG a  Error: x\n      at y",
    ],
    [
      "a step's output",
      { event: "step.output", level: "info", message: "50 %\tdone", key: "run:fetch", stream: "stdout" },
      "2026-01-02T03:04:05.678Z INFO  [run:fetch] 50 %\tdone",
    ],
    [
      "output that steers a terminal",
      { event: "step.output", level: "info", message: "\u001b[2J\rgone\u0007" },
      "2026-01-02T03:04:05.678Z INFO  [step] \\x1b[2J\\x0dgone\\x07",
    ],
    [
      "a field that steers a terminal",
      { event: "a", level: "info", message: "m", x: "\u001b[2J" },
      "2026-01-02T03:04:05.678Z INFO  a  m  x=\\x1b[2J",
    ],
  ];
  for (const [name, observation, line] of rows)
    test(`a log line in text shows ${name}`, () => assert.equal(textLine(observation, at), line));
});

test("a record in JSON is one line in snake_case and names the worker", () => {
  const line = jsonLine({ worker: "w-1" })({ ...claimed, message: "two\nlines" }, at);
  assert.equal(
    line,
    '{"time":"2026-01-02T03:04:05.678Z","level":"info","event":"step.claimed","message":"two\\nlines","key":"run:fetch","message_id":"m-1","receive_count":2,"fence":3,"worker":"w-1"}',
  );
});

test("a record in JSON has fields for run, step and attempt, and times in whole milliseconds", () => {
  const ended: LogRecord = { ...claimed, runId: "run", stepKey: "fetch", attempt: 0, ranMs: 0.6, queuedMs: 2.5 };
  const { run_id, step_key, attempt, ran_ms, queued_ms } = JSON.parse(jsonLine({ worker: "w-1" })(ended, at));
  assert.deepEqual([run_id, step_key, attempt, ran_ms, queued_ms], ["run", "fetch", 0, 1, 3]);
});

test("control characters in a key are escaped and long texts are cut, in text and in JSON", () => {
  const long = "k".repeat(1_000_000);
  const output: LogRecord = { event: "step.output", level: "info", message: long, key: "run:\u001b[2J\u202e\n" };
  const other: LogRecord = { event: "a", level: "info", message: long, key: long };
  const lines = [textLine, jsonLine({ worker: "w" })].flatMap((format) => [format(output, at), format(other, at)]);
  for (const line of lines) {
    assert.ok(line.length < 90_000, `${line.length}`);
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
  }
  assert.ok(lines[0]?.includes('["run:\\u001b[2J\\u202e\\n"] kkk'));
  assert.ok(lines[1]?.endsWith(`key=${"k".repeat(2_400)}…`));
});
