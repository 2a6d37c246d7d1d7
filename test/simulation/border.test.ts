// The border itself: a dead worker does nothing and hears nothing, a stalled one hears everything
// late, and each fault is what its name says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { Border } from "./border.ts";
import { Dice } from "./dice.ts";
import { type CallFault, FaultPlan } from "./faults.ts";
import { Life } from "./life.ts";
import { Trace } from "./trace.ts";

const leaseMs = 10_000;

/** One call under one fault, and what became of it. */
function call(fault: CallFault | null) {
  const clock = new ManualClock();
  const life = new Life("w1", clock);
  const dice = new Dice(1);
  const rates = fault === null ? {} : { [fault]: 1 };
  const faults = new FaultPlan({ dice, rates, nowMs: clock.monoMs, endMs: 1, only: null });
  const border = new Border(life, { clock, dice, faults, trace: new Trace(clock.monoMs), leaseMs });
  const seen: string[] = [];
  const note = (what: string) => seen.push(`${what}${life.stalled ? ", stalled" : ""}`);
  const broken = () => new Error("no answer");
  const ask = () =>
    border
      .cross({ name: "ledger.settle", about: "k", broken }, async () => note("effect"))
      .then(
        () => note("answer"),
        (error: Error) => note(error.message),
      );
  return { clock, life, seen, ask };
}

const rows: readonly [CallFault | null, readonly string[]][] = [
  [null, ["effect", "answer"]],
  ["crash_before", []],
  ["crash_after", ["effect"]],
  ["stall_before", ["effect", "answer"]],
  ["stall_after", ["effect", "answer"]],
  ["refused", ["no answer"]],
  ["lost", ["effect", "no answer"]],
  ["late_request", ["effect", "answer"]],
  ["late_answer", ["effect", "answer"]],
];

for (const [fault, expected] of rows) {
  test(`a call with the fault ${fault ?? "none"} has ${expected.join(", ") || "no effect"}`, async () => {
    const { clock, life, seen, ask } = call(fault);
    void ask();
    await clock.advance(5 * leaseMs);
    assert.deepEqual(seen, expected);
    assert.equal(life.dead, fault === "crash_before" || fault === "crash_after");
  });
}

test("a dead worker's requests have no effect", async () => {
  const { clock, life, seen, ask } = call(null);
  life.die();
  void ask();
  await clock.advance(leaseMs);
  assert.deepEqual(seen, []);
});

test("a worker that dies while its call is under way hears nothing; a late request arrives all the same", async () => {
  for (const [fault, expected] of [
    ["late_answer", ["effect"]],
    ["late_request", ["effect"]],
  ] as const) {
    const { clock, life, seen, ask } = call(fault);
    void ask();
    await clock.advance(50);
    life.die();
    await clock.advance(5 * leaseMs);
    assert.deepEqual(seen, expected);
  }
});

test("a stalled worker's clock and answers wait for its waking, in their order", async () => {
  const { clock, life, seen } = call(null);
  const own = life.clock();
  void own.sleep(10).then(() => seen.push(`slept until ${own.monoMs()}`));
  life.stall(100);
  life.enter(() => seen.push(`entered at ${own.monoMs()}`));
  await clock.advance(99);
  assert.deepEqual(seen, []);
  await clock.advance(1);
  assert.deepEqual(seen, ["entered at 100", "slept until 100"]);
});

test("a dead worker never wakes", async () => {
  const { clock, life, seen } = call(null);
  const own = life.clock();
  void own.sleep(10).then(() => seen.push("woke"));
  life.stall(100);
  life.die();
  await clock.advance(leaseMs);
  assert.deepEqual([seen, clock.sleeping], [[], 0]);
});
