// What runs and what has ended, from the events of a worker's log.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogRecord, Observe } from "../../../core/observe.ts";
import { RecentSteps } from "../../../core/status/recent-steps.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { Observations } from "../../support/observations.ts";

type Event = Readonly<Record<string, unknown>> & Pick<LogRecord, "event">;

const about = { level: "info", message: "", key: "run-1:load", runId: "run-1", stepKey: "load", attempt: 0 };
const sent = { ...about, messageId: "m-1", receiveCount: 1 };
const claim: Event = { ...sent, event: "step.claimed", fence: 1, starts: 1, queuedMs: 1_500, takenOver: false };
const fork: Event = { ...about, event: "step.started", level: "debug", pid: 4_711 };
const end: Event = { ...sent, event: "step.ended", state: "success", queuedMs: 1_500, ranMs: 2_500, wrote: true };
const settle: Event = { ...sent, event: "step.settled", level: "debug", state: "success", answer: "recorded" };
const done: Event = { ...sent, event: "delivery.done", level: "debug", disposition: "acked" };

function watch() {
  const clock = new ManualClock();
  const steps = new RecentSteps(clock, "https://sqs.eu-west-1.amazonaws.com/1/steps.fifo");
  // Each must be one that a worker could log.
  const wellFormed = new Observations();
  const observe = (...events: readonly Event[]) => {
    for (const event of events) {
      wellFormed.observe(event as LogRecord);
      (steps.observe as Observe as (record: LogRecord) => void)(event as LogRecord);
    }
  };
  return { clock, steps, observe };
}

test("a claimed step runs, with its process and since when, until its delivery is done", async () => {
  const { clock, steps, observe } = watch();
  const claimedAtMs = clock.wallMs();
  observe(claim);
  await clock.advance(3_000);
  observe(fork);
  const step = {
    runId: "run-1",
    stepKey: "load",
    attempt: 0,
    job: null,
    queue: "steps.fifo",
    starts: 1,
    claimedAtMs,
    waitedMs: 1_500,
    pid: 4_711,
  };
  assert.deepEqual(steps.running(), [{ ...step, runningMs: 3_000 }]);
  observe({ ...end, job: "nightly" }, settle);
  assert.equal(steps.running().length, 1, "its message is not deleted yet");
  observe(done);
  const ended = { outcome: "success", ranMs: 2_500, endedAtMs: claimedAtMs + 3_000, why: null };
  assert.deepEqual([steps.running(), steps.ended()], [[], [{ ...step, job: "nightly", ...ended }]]);
});

const failure = { ...end, level: "warn", state: "failure", errorClass: "ValueError", errorMessage: "no such day" };
const stale = { ...settle, level: "warn", answer: "stale", message: "another claim decides" };
const lost = { ...done, disposition: "lost" };
const released = { ...done, disposition: "released" };
const requeue = { ...sent, event: "step.requeued", level: "warn", message: "StepProcessDied: killed" };
const endings: readonly (readonly [string, readonly Event[], string, string | null])[] = [
  ["a step that fails", [failure, done], "failure", "ValueError: no such day"],
  ["a step whose process dies", [requeue, released], "requeued", "StepProcessDied: killed"],
  ["a step that a stop interrupts", [released], "given_back", null],
  ["an outcome that another claim owns", [end, stale, lost], "lost", "another claim decides"],
  ["an outcome that could not be recorded", [end, released], "given_back", null],
  [
    "a lost lease",
    [{ ...sent, event: "lease.lost", level: "error", message: "lease lost" }, lost],
    "lost",
    "lease lost",
  ],
  ["a bug", [{ ...sent, event: "delivery.bug", level: "error" }], "bug", null],
  [
    "a step that is given up",
    [
      { ...sent, event: "step.given_up", level: "warn", message: "given up (step_fault)", reason: "step_fault" },
      { ...end, state: "reported" },
      { ...done, disposition: "buried" },
    ],
    "reported",
    "given up (step_fault)",
  ],
];

for (const [what, events, outcome, why] of endings) {
  test(`the last steps show ${what} as ${outcome}`, () => {
    const { steps, observe } = watch();
    observe(claim, ...events);
    assert.deepEqual(
      steps.ended().map((step) => [step.outcome, step.why]),
      [[outcome, why]],
    );
  });
}

test("a second delivery of the same message does not end the first one's step", () => {
  const { steps, observe } = watch();
  observe(claim, { ...done, receiveCount: 2, disposition: "released" });
  assert.deepEqual([steps.running().length, steps.ended().length], [1, 0]);
});

test("the last 50 steps are kept, the newest first", () => {
  const { steps, observe } = watch();
  for (let i = 0; i < 60; i += 1) {
    const one = { messageId: `m-${i}`, stepKey: `load_${i}` };
    observe({ ...claim, ...one }, { ...end, ...one }, { ...done, ...one });
  }
  const keys = steps.ended().map(({ stepKey }) => stepKey);
  assert.deepEqual([keys.length, keys[0], keys.at(-1)], [50, "load_59", "load_10"]);
});

test("of a long error no more is kept than a page can show", () => {
  const { steps, observe } = watch();
  observe(claim, { ...failure, errorMessage: "x".repeat(1_000_000) }, done);
  const [{ why } = { why: null }] = steps.ended();
  assert.ok(why !== null && why.length > 500 && why.length < 2_000, `${why?.length} characters`);
});

test("a step of a clock that went back has run for no time, not for less", () => {
  const { steps, observe } = watch();
  observe(claim, { ...end, ranMs: -3 }, done);
  assert.equal(steps.ended()[0]?.ranMs, 0);
});

test("recorded outcomes and first waits go into the series, as they go into the metrics", () => {
  const { steps, observe } = watch();
  observe(claim, settle, { ...settle, state: "failure" }, { ...settle, level: "warn", answer: "stale" });
  observe({ ...claim, messageId: "m-2", starts: 2, queuedMs: 9_000 });
  observe({ ...claim, messageId: "m-3", receiveCount: 2, queuedMs: 9_000 });
  const { ended, failed, wait_ms } = steps.series();
  assert.deepEqual([ended.at(-1), failed.at(-1), wait_ms.at(-1)], [2, 1, 1_500]);
});
