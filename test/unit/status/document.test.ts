// The JSON document of the status page: its fields, whose names are for scripts, and its texts,
// which are from outside.
import assert from "node:assert/strict";
import { test } from "node:test";
import { printableJson } from "../../../core/formats/printable.ts";
import { type StatusFacts, statusDocument } from "../../../core/status/document.ts";
import { claimed, NOW_MS, statusFacts } from "../../support/status/scene.ts";

const fine = { ok: true, why: "ok" };
const health = { live: fine, ready: fine, healthy: fine };

/** The document, as JSON brings it to its reader. */
// biome-ignore lint/suspicious/noExplicitAny: the golden test has its form.
function documentOf(changed: Partial<StatusFacts> = {}): any {
  return JSON.parse(printableJson(statusDocument(statusFacts(changed), health)));
}

test("the document has these fields", () => {
  const quiet = [{ by: "ada@laptop", why: "a deploy", atMs: NOW_MS - 5, untilMs: null, queue: null }];
  const [open] = statusFacts().intake.queues;
  assert.ok(open !== undefined);
  const { series, ...rest } = documentOf({
    ended: [{ ...claimed, outcome: "failure", ranMs: 2_500, endedAtMs: NOW_MS - 100, why: "ValueError: no such day" }],
    intake: { outages: [{ cause: "ledger", why: "the ledger is down" }], queues: [{ ...open, quiet }] },
    advice: ["each step starts a fresh interpreter"],
  });
  const step = {
    run_id: "8a3f5d0e-6b7c-4f0e-9b1d-2f4c1f0f9a11",
    step_key: "load_orders",
    attempt: 0,
    job: "nightly",
    queue: "steps.fifo",
    starts: 1,
    claimed_at_ms: NOW_MS - 83_000,
    waited_ms: 1_250,
    pid: 4_711,
  };
  assert.deepEqual(rest, {
    worker: "worker-1",
    version: "0.1.0",
    pid: 7,
    now_ms: NOW_MS,
    uptime_ms: 3_600_000,
    stopping: false,
    health,
    dependencies: { ledger: { ok: false, why: "the ledger is down" }, instance: fine, host: fine, location: fine },
    step_host: { dagster: "1.13.27", dagster_taskiq: "0.1.0" },
    advice: ["each step starts a fresh interpreter"],
    slots: { total: 4, busy: 1 },
    running: [{ ...step, running_ms: 83_000 }],
    recent: [{ ...step, outcome: "failure", ran_ms: 2_500, ended_at_ms: NOW_MS - 100, why: "ValueError: no such day" }],
    queues: [
      {
        name: "steps.fifo",
        state: "quiet",
        why: null,
        slots: { total: 4, busy: 1 },
        received: 12,
        quiet: [{ by: "ada@laptop", why: "a deploy", at_ms: NOW_MS - 5, until_ms: null }],
      },
    ],
    totals: {
      received: 12,
      deliveries: { acked: 11, buried: 0, released: 0, lost: 0 },
      outcomes: {
        success: 11,
        failure: 0,
        up_for_retry: 0,
        resource_init_failure: 0,
        run_over: 0,
        reported: 0,
        parked: 0,
        malformed: 0,
      },
    },
  });
  assert.deepEqual(Object.keys(series), ["interval_ms", "ended", "failed", "wait_ms"]);
});

const busy = { ...statusFacts().snapshot, busy: 4 };
const [queue] = statusFacts().intake.queues;
assert.ok(queue !== undefined);
const states: readonly (readonly [string, string, Partial<StatusFacts>])[] = [
  ["receiving", "slots are free", {}],
  ["starting", "the worker starts", { started: false }],
  ["stopping", "the worker stops", { snapshot: { ...busy, stopping: true } }],
  ["full", "no slot is free", { snapshot: busy }],
  ["full", "it has used its own slots", { intake: { outages: [], queues: [{ ...queue, busy: 4 }] } }],
  ["closed", "its receives fail", { intake: { outages: [], queues: [{ ...queue, failing: "denied" }] } }],
  ["closed", "the step host is gone", { intake: { outages: [{ cause: "host", why: "gone" }], queues: [queue] } }],
];
for (const [state, when, changed] of states) {
  test(`a queue is ${state} while ${when}`, () => {
    assert.equal(documentOf(changed).queues[0].state, state);
  });
}

test("texts from outside are cut, and their control characters are written out", () => {
  const hostile = `\u001b[31m<script>\u0000\u202e${"x".repeat(5_000)}`;
  const step = { ...claimed, runId: hostile, stepKey: hostile, job: hostile, queue: hostile };
  const asked = { by: hostile, why: hostile, atMs: 0, untilMs: null, queue: null };
  const document = documentOf({
    worker: hostile,
    running: [{ ...step, runningMs: 1 }],
    ended: [{ ...step, outcome: "failure", ranMs: 1, endedAtMs: 1, why: hostile }],
    intake: {
      outages: [{ cause: "ledger", why: hostile }],
      queues: [{ ...queue, name: hostile, failing: hostile, quiet: [asked] }],
    },
    advice: [hostile],
  });
  const [shown] = document.running;
  const start = "\\x1b[31m<script>\\x00\\u202ex";
  assert.ok(shown.step_key.startsWith(start), shown.step_key.slice(0, 40));
  assert.deepEqual([shown.run_id.length, shown.step_key.length, shown.job.length], [256, 2_001, 256]);
  const text = JSON.stringify(document);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  assert.doesNotMatch(text, /[\u0000-\u001f\u202e]/);
  assert.ok(text.length < 15_000, `${text.length} characters`);
});

test("no duration of the document is negative, whatever the clocks say", () => {
  const document = documentOf({
    uptimeMs: -1,
    running: [{ ...claimed, waitedMs: -5_000, runningMs: -2 }],
    ended: [{ ...claimed, outcome: "success", ranMs: -9, endedAtMs: NOW_MS + 50, why: null }],
  });
  const [running] = document.running;
  assert.deepEqual(
    [document.uptime_ms, running.waited_ms, running.running_ms, document.recent[0].ran_ms],
    [0, 0, 0, 0],
  );
});
