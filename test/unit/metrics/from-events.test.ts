// Measurements from log events: what each event counts, and under which labels.
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureEvents } from "../../../core/metrics/from-events.ts";
import type { LogRecord, Observe } from "../../../core/observe.ts";
import { Observations } from "../../support/observations.ts";
import { Measurements } from "../../support/ports/measurements.ts";

const URL = "https://sqs.eu-west-1.amazonaws.com/1/steps.fifo";
const about = { level: "info", message: "", messageId: "m-1", receiveCount: 1 } as const;

/** Returns what the events count and record, in order. */
function measured(events: readonly Omit<LogRecord, "message" | "level">[], jobs: readonly string[] = []) {
  const meter = new Measurements();
  const observe = measureEvents(meter, { queue: URL, jobs: new Set(jobs) }) as (record: LogRecord) => void;
  // Each must be one that a worker could log.
  const wellFormed = new Observations();
  for (const event of events) {
    const record = { ...about, ...event } as unknown as LogRecord;
    wellFormed.observe(record);
    observe(record);
  }
  return meter;
}

const queue = "steps.fifo";
const claim = { event: "step.claimed", fence: 1, starts: 1, queuedMs: 1500, takenOver: false };

test("the first delivery of a step records how long it waited", () => {
  const { records } = measured([claim]);
  assert.deepEqual(records, [["taskiq.step.wait", 1.5, { queue }]]);
});

test("a later start or a redelivery records no wait", () => {
  const { records } = measured([
    { ...claim, starts: 2 },
    { ...claim, receiveCount: 2 },
    { ...claim, queuedMs: null },
  ]);
  assert.deepEqual(records, []);
});

test("a claim after another worker's lease counts as a takeover", () => {
  const { counts } = measured([{ ...claim, starts: 2, takenOver: true }]);
  assert.deepEqual(counts, [["taskiq.step.takeovers", { queue }]]);
});

test("an end that this worker wrote records the run time, and one that stood already does not", () => {
  const end = { event: "step.ended", state: "success", queuedMs: 1, ranMs: 2500, wrote: true, job: "nightly" };
  const { records } = measured([end, { ...end, wrote: false }]);
  assert.deepEqual(records, [["taskiq.step.run", 2.5, { queue, outcome: "success", job: "" }]]);
});

test("a recorded outcome counts, and a stale one does not", () => {
  const settled = { event: "step.settled", level: "debug", state: "failure", answer: "recorded", job: "nightly" };
  const { counts } = measured([settled, { ...settled, answer: "stale" }], ["nightly"]);
  assert.deepEqual(counts, [["taskiq.steps", { queue, outcome: "failure", job: "nightly" }]]);
});

test("a job that is not listed gets no label", () => {
  const settled = { event: "step.settled", level: "debug", state: "success", answer: "recorded", job: "hourly" };
  const { counts } = measured([settled], ["nightly"]);
  assert.deepEqual(counts, [["taskiq.steps", { queue, outcome: "success", job: "" }]]);
});

test("a deleted message records its receives and each part of the overhead that it had", () => {
  const done = { event: "delivery.done", level: "debug", disposition: "acked", receiveCount: 3 };
  const { counts, records } = measured([{ ...done, claimMs: 4, startMs: 20, settleMs: 8, deleteMs: 50 }]);
  assert.deepEqual(counts, [["taskiq.deliveries", { queue, disposition: "acked" }]]);
  assert.deepEqual(records, [
    ["taskiq.delivery.receives", 3, { queue }],
    ["taskiq.step.overhead", 0.004, { part: "claim" }],
    ["taskiq.step.overhead", 0.02, { part: "start" }],
    ["taskiq.step.overhead", 0.008, { part: "settle" }],
    ["taskiq.step.overhead", 0.05, { part: "delete" }],
  ]);
});

test("faults, limits, requeues, lost leases, burials and bugs count by their kind", () => {
  const { counts } = measured([
    { event: "step.fault", level: "warn", scope: "location" },
    { event: "step.over_limit", level: "warn", limit: "silent" },
    { event: "step.requeued", level: "warn" },
    { event: "lease.lost", level: "error", why: "late" },
    { event: "dead_letter.buried", level: "error", reason: "crash_loop" },
    { event: "delivery.bug", level: "error" },
  ]);
  assert.deepEqual(counts, [
    ["taskiq.step.faults", { queue, scope: "location" }],
    ["taskiq.step.limits", { queue, limit: "silent" }],
    ["taskiq.step.requeues", { queue }],
    ["taskiq.leases.lost", { queue }],
    ["taskiq.dead_letters", { queue, reason: "crash_loop" }],
    ["taskiq.bugs", {}],
  ]);
});

test("an event that names its queue counts for that queue", () => {
  const { counts } = measured([{ event: "step.requeued", level: "warn", queue: "other" }]);
  assert.deepEqual(counts, [["taskiq.step.requeues", { queue: "other" }]]);
});

test("a cause is open from its outage's first line to its last, for each queue by itself", () => {
  const meter = new Measurements();
  const observe: Observe = measureEvents(meter, { queue: URL, jobs: new Set() });
  const open = () => meter.read("taskiq.circuit.open").filter(({ value }) => value === 1);
  assert.deepEqual(open(), []);
  const closed = { event: "intake.closed", level: "error", message: "" } as const;
  observe({ ...closed, causes: "ledger host" });
  observe({ ...closed, causes: "queue", queue: "other" });
  assert.deepEqual(
    open().map(({ labels }) => labels.cause),
    ["queue", "ledger", "host"],
  );
  observe({ event: "intake.open", level: "info", message: "", seconds: 3 });
  assert.deepEqual(open(), [{ value: 1, labels: { cause: "queue" } }]);
});
