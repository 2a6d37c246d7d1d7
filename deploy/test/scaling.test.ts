// The scaling policy, by what it does to a fleet: waits, restarts, and what the tasks cost.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { defaultSizing, type Sizing } from "../src/settings.ts";
import { type Arrival, type Ran, runFleet } from "./fleet.ts";

const HOUR = 3_600;
/**
 * USD for a Fargate task of 1 vCPU and 4 GB for an hour (Linux on x86, us-east-1, 2026): 0.04048 +
 * 4 × 0.004445.
 */
const TASK_HOUR = 0.058_26;

const sleepy: Sizing = { ...defaultSizing, minTasks: 0, maxTasks: 20 };

function burst(count: number, atSeconds: number, runSeconds: number): readonly Arrival[] {
  return Array.from({ length: count }, () => ({ atSeconds, runSeconds }));
}

/** Shows the trace's figures beside the test's name. */
function show(t: TestContext, ran: Ran, arrivals: readonly Arrival[], sizing: Sizing): { readonly overhead: number } {
  const hours = ran.taskSeconds / HOUR;
  const work = arrivals.reduce((sum, { runSeconds }) => sum + runSeconds, 0) / sizing.concurrency / HOUR;
  const waits = ran.waits.toSorted((a, b) => a - b);
  const at = (share: number) => waits[Math.floor(share * (waits.length - 1))] ?? 0;
  t.diagnostic(
    `${arrivals.length} steps; wait p50 ${at(0.5)} s, p99 ${at(0.99)} s; at most ${Math.max(...ran.desired)} tasks; ` +
      `${hours.toFixed(1)} task hours ($${(hours * TASK_HOUR).toFixed(2)}) for ${work.toFixed(1)} of work; ` +
      `${ran.restarted} steps restarted`,
  );
  return { overhead: hours / work };
}

test("a sleeping service starts as many tasks as a burst needs, and sleeps again", (t) => {
  const arrivals = burst(240, 600, 300);
  const ran = runFleet(sleepy, arrivals, { seconds: 3 * HOUR });
  const { overhead } = show(t, ran, arrivals, sleepy);
  assert.equal(ran.waits.length, 240);
  assert.ok((ran.waits[0] ?? 0) <= 240, `the first step waited ${ran.waits[0]} s`);
  assert.equal(Math.max(...ran.desired), 20);
  assert.equal(ran.desired.at(-1), 0);
  assert.ok(overhead < 3.5, `${overhead} hours for an hour of work`);
});

test("one step wakes a sleeping service, which starts one task for it", (t) => {
  const arrivals = burst(1, 600, 60);
  const ran = runFleet(sleepy, arrivals, { seconds: 2 * HOUR });
  show(t, ran, arrivals, sleepy);
  assert.equal(ran.waits.length, 1);
  assert.equal(Math.max(...ran.desired), 1);
  assert.equal(ran.desired.at(-1), 0);
});

test("a fleet whose slots are all busy keeps its tasks, though no step waits", (t) => {
  const arrivals = burst(40, 0, 4 * HOUR);
  const ran = runFleet({ ...defaultSizing, maxTasks: 10 }, arrivals, { seconds: 4 * HOUR });
  show(t, ran, arrivals, defaultSizing);
  const grown = ran.desired.indexOf(10);
  assert.ok(grown >= 0 && grown < 15, `ten tasks after ${grown} minutes`);
  assert.deepEqual(new Set(ran.desired.slice(grown)), new Set([10]));
});

/** Long steps among short ones, so that the load falls while the long ones run. */
const mixed = [...burst(120, 0, 60), ...burst(6, 0, 3 * HOUR)].toSorted(
  (a, b) => (a.runSeconds % 7) - (b.runSeconds % 7),
);

test("a scale-in restarts no long step", (t) => {
  const ran = runFleet(sleepy, mixed, { seconds: 6 * HOUR });
  show(t, ran, mixed, sleepy);
  assert.equal(ran.restarted, 0);
  assert.ok(ran.finishedAtSeconds < 4 * HOUR, `done after ${ran.finishedAtSeconds} s`);
});

test("without task protection a scale-in restarts long steps, which is why it is on", (t) => {
  const ran = runFleet(sleepy, mixed, { seconds: 6 * HOUR, taskProtection: false });
  show(t, ran, mixed, sleepy);
  assert.ok(ran.restarted > 0);
});

test("an idle service stays at its least number of tasks", () => {
  const ran = runFleet({ ...defaultSizing, minTasks: 1 }, [], { seconds: 2 * HOUR });
  assert.deepEqual(new Set(ran.desired), new Set([1]));
});

test("half a step per slot keeps half of the slots free for what comes", (t) => {
  // A step every 15 s, each of five minutes: 20 at once.
  const arrivals = Array.from({ length: 4 * 240 }, (_, index) => ({ atSeconds: index * 15, runSeconds: 300 }));
  const tight = runFleet(defaultSizing, arrivals, { seconds: 4 * HOUR });
  const roomy = runFleet({ ...defaultSizing, loadPerSlot: 0.5 }, arrivals, { seconds: 4 * HOUR });
  show(t, tight, arrivals, defaultSizing);
  show(t, roomy, arrivals, defaultSizing);
  const late = (ran: Ran) => ran.waits.slice(480).filter((wait) => wait > 5).length;
  assert.equal(late(roomy), 0, "no step of the last two hours waits");
  assert.ok(roomy.taskSeconds > tight.taskSeconds);
});

test("a working day of bursts is followed at less than half the cost of a fleet that never shrinks", (t) => {
  // Every quarter of an hour a run of 4 to 60 steps, most at noon. A scale-in needs fifteen quiet
  // minutes, which such days lack at noon.
  const arrivals = Array.from({ length: 48 }, (_, quarter) => {
    const steps = Math.round(4 + 56 * Math.sin((Math.PI * quarter) / 48) ** 2);
    return burst(steps, quarter * 900, 120);
  }).flat();
  const ran = runFleet(sleepy, arrivals, { seconds: 13 * HOUR });
  show(t, ran, arrivals, sleepy);
  assert.equal(ran.waits.length, arrivals.length);
  assert.equal(ran.restarted, 0);
  assert.equal(ran.desired.at(-1), 0);
  assert.ok(ran.taskSeconds < 0.5 * sleepy.maxTasks * 13 * HOUR, `${ran.taskSeconds / HOUR} task hours`);
});
