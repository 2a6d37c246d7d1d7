// Progress: a bar that stays below what is logged on a terminal, a line now and then elsewhere.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  Estimate,
  Pace,
  type Progress,
  ProgressView,
  progressBar,
  progressText,
} from "../../../../cli/terminal/progress.ts";
import { ManualClock } from "../../../support/clocks/manual-clock.ts";
import { Captured } from "../captured.ts";

const half: Progress = { done: 100, total: 200, approximate: true, note: "" };
const erase = "\r\u001b[K";

function view({ isTTY = true, env = { NO_COLOR: "1" } as Record<string, string> } = {}) {
  const clock = new ManualClock();
  const stream = new Captured({ isTTY });
  const said: string[] = [];
  const place = { stream, env, clock, say: (text: string) => void said.push(text), everyMs: 30_000 };
  return { clock, stream, said, view: new ProgressView(place) };
}

describe("the text", () => {
  const rows: readonly [string, Progress, number | null, string][] = [
    ["before a rate is known", half, null, "100 of ~200 (50 %)"],
    ["with a rate", half, 4, "100 of ~200 (50 %), 4.0/s, about 25s left"],
    ["while nothing happens", half, 0, "100 of ~200 (50 %), 0.0/s"],
    ["of an exact total", { ...half, approximate: false, note: "2 failed" }, null, "100 of 200 (50 %), 2 failed"],
    ["of no known total", { ...half, total: null }, 4, "100 done, 4.0/s"],
    ["just before the end", { ...half, done: 199 }, null, "199 of ~200 (99 %)"],
    ["at the end", { ...half, done: 200 }, 4, "200 of ~200 (100 %), 4.0/s"],
    ["of nothing", { ...half, done: 0, total: 0 }, null, "0 of ~0 (100 %)"],
  ];
  for (const [name, progress, perSecond, expected] of rows) {
    test(`the progress ${name} is shown as: ${expected}`, () =>
      assert.equal(progressText(progress, perSecond, new Estimate().at(0, progress, perSecond)), expected));
  }
});

test("the time left does not grow while the work is the same, and does with new work", () => {
  const [pace, estimate] = [new Pace(), new Estimate()];
  const left: number[] = [];
  const look = (second: number, done: number, total: number) => {
    const leftMs = estimate.at(second * 1_000, { ...half, done, total }, pace.at(second * 1_000, done));
    if (leftMs !== null) left.push(leftMs);
    return leftMs;
  };
  // Three steps of a minute each after ten short ones: the pace falls all the time.
  for (let second = 0; second <= 120; second += 2) look(second, Math.min(second, 10), 13);
  assert.ok(left.length > 0);
  assert.deepEqual(
    left,
    left.toSorted((a, b) => b - a),
  );
  assert.ok((look(122, 10, 13) ?? 0) <= (left.at(-1) ?? 0), "no estimate after the estimated end");
  assert.ok((look(180, 11, 500) ?? 0) > 60_000);
});

test("the rate of progress is that of the last minute", () => {
  const pace = new Pace();
  assert.equal(pace.at(0, 0), null);
  assert.equal(pace.at(10_000, 100), 10);
  pace.at(60_000, 100);
  assert.equal(pace.at(120_000, 160), 1);
});

describe("the bar", () => {
  test("the bar is filled as far as the work is, and coloured only where that is wanted", () => {
    assert.equal(progressBar(half, "x", 80, false), `[${"#".repeat(12)}${"-".repeat(12)}] x`);
    const coloured = `[\u001b[32m${"#".repeat(12)}\u001b[39m${"-".repeat(12)}] x`;
    assert.equal(progressBar(half, "x", 80, true), coloured);
  });

  test("the bar gives way to the text, and never fills a line", () => {
    assert.equal(progressBar(half, "x".repeat(20), 48, false).length, 47);
    assert.equal(progressBar(half, "x".repeat(20), 47, false), "x".repeat(20));
    assert.equal(progressBar(half, "x".repeat(60), 40, false), "x".repeat(39));
  });
});

describe("on a terminal", () => {
  test("a terminal shows one line that is drawn over again, with the log above it", async () => {
    const { clock, stream, view: shown } = view();
    shown.show(half);
    const bar = progressBar(half, "100 of ~200 (50 %)", 80, false);
    assert.equal(stream.text, `${erase}${bar}`);
    stream.text = "";
    shown.stream.write("a line\n");
    assert.equal(stream.text, `${erase}a line\n${bar}`);
    stream.text = "";
    shown.show({ ...half, done: 101 });
    assert.equal(stream.text, "", "not so soon");
    await clock.advance(100);
    shown.show({ ...half, done: 101 });
    assert.match(stream.text, /101 of ~200/);
    stream.text = "";
    shown.end();
    shown.stream.write("the end\n");
    assert.equal(stream.text, `${erase}the end\n`);
  });

  test("the bar on a terminal has its colour unless NO_COLOR is set", () => {
    const { stream, view: shown } = view({ env: {} });
    shown.show(half);
    assert.ok(stream.text.includes("\u001b[32m"));
  });
});

for (const [where, options] of [
  ["in a file", { isTTY: false }],
  ["on a dumb terminal", { env: { TERM: "dumb" } }],
] as const) {
  test(`progress ${where} is a line now and then`, async () => {
    const { clock, stream, said, view: shown } = view(options);
    for (let second = 0; second < 60; second += 1) {
      shown.show(half);
      await clock.advance(1_000);
    }
    shown.end();
    assert.deepEqual(said, ["100 of ~200 (50 %)", "100 of ~200 (50 %), 0.0/s"]);
    assert.deepEqual([stream.text, shown.stream], ["", stream]);
  });
}
