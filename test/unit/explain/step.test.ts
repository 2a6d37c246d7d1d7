// Why a step is not running, row by row: what each record says, and what outweighs what.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JoinedLetter } from "../../../core/dead-letters/verdict.ts";
import { verdictOf } from "../../../core/dead-letters/verdict.ts";
import type { Explanation, StepEvidence, StepKind } from "../../../core/explain/evidence.ts";
import type { RunRecord, StepRecord } from "../../../core/explain/facts.ts";
import { explainRun } from "../../../core/explain/run.ts";
import { explainStep } from "../../../core/explain/step.ts";
import type { LedgerRow } from "../../../core/ledger/port.ts";
import { result } from "../../support/ports/scripted-steps.ts";
import { aLetter } from "../dead-letters/letters.ts";

const nowMs = 1_790_000_000_000;
const now = nowMs / 1_000;

const run: RunRecord = {
  id: "run-1",
  job: "nightly",
  status: "STARTED",
  executor: "taskiq",
  created_at: now - 600,
  started_at: now - 590,
  ended_at: null,
  resumed_by_monitoring: false,
};

function step(key: string, rest: Partial<StepRecord> = {}): StepRecord {
  const times = { ended_at: null, sent_at: null, began_at: null, retry_at: null };
  return { key, needs: [], pool: null, attempt: 0, ended: null, queue: null, events: [], ...times, ...rest };
}

const sent = step("load", { sent_at: now - 180, queue: "steps.fifo" });

function row(state: LedgerRow["state"], rest: Partial<LedgerRow> = {}): LedgerRow {
  return {
    key: "run-1:load",
    step: { runId: "run-1", stepKey: "load", attempt: 0 },
    state,
    fence: 3,
    owner: "w-2",
    leaseExpiresAtMs: nowMs + 40_000,
    starts: 1,
    outcome: null,
    payloadDigest: "d",
    bodyBound: true,
    messageId: "m",
    receivedAtMs: nowMs - 9_000,
    updatedAtMs: nowMs - 9_000,
    settledAtMs: null,
    ...rest,
  };
}

const empty = { visible: 0, inFlight: 0, delayed: 0 };
const queue = {
  name: "steps.fifo",
  flags: "--queue-name steps.fifo",
  fifo: true,
  depth: empty,
  quiet: [],
  busyWorkers: 0,
};
const quiet = {
  worker: null,
  queue: "steps.fifo",
  who: "ada",
  why: "a new host",
  askedAtMs: nowMs - 60_000,
  untilMs: null,
  lifted: null,
};
const pool = { name: "db", slots: 1, claimed: 1, pending: 2, holders: [{ run: "run-0", step: "slow" }] };

function letter(outcome: "parked" | null): JoinedLetter {
  const parked = outcome === null ? null : row("dead", { outcome: { ...result("success"), state: outcome } });
  const facts = { body: "step", named: true, retryPlanned: false, reason: "step_fault", sameInstance: null } as const;
  const standing = { run: { status: "STARTED", job: "nightly", goesOn: true }, ended: null, began: true };
  const verdict = verdictOf({ ...facts, unsigned: false, row: parked, standing, nowMs });
  return { letter: aLetter("m", { reason: "step_fault" }), row: parked, standing, verdict };
}

function explain(evidence: Partial<StepEvidence>): Explanation {
  const steps = new Map([[sent.key, sent]]);
  return explainStep({ run, step: sent, steps, pools: [], row: null, letters: [], queue, nowMs, ...evidence });
}

const needing = (needs: readonly string[], ...others: readonly StepRecord[]): Partial<StepEvidence> => {
  const one = step("load", { needs: [...needs] });
  return { step: one, steps: new Map([one, ...others].map((each) => [each.key, each])) };
};

type Case = readonly [what: string, kind: StepKind, says: RegExp, evidence: Partial<StepEvidence>];

const cases: readonly Case[] = [
  [
    "a step that succeeded",
    "ended",
    /succeeded 3m ago, in attempt 1\. Worker w-2 had it/,
    { step: step("load", { ended: "success", ended_at: now - 180, attempt: 1 }), row: row("completed") },
  ],
  ["a step that failed", "ended", /failed 3m ago/, { step: step("load", { ended: "failure", ended_at: now - 180 }) }],
  [
    "a step that Dagster skipped",
    "ended",
    /skipped the step/,
    { step: step("load", { ended: "skipped", ended_at: now - 1 }) },
  ],
  [
    "an open step of a run that is over",
    "run_over",
    /is over \(FAILURE, 5m ago\)/,
    { run: { ...run, status: "FAILURE", ended_at: now - 300 } },
  ],
  ["a step of a run that is being canceled", "run_over", /is being canceled/, { run: { ...run, status: "CANCELING" } }],
  ["a run in Dagster's queue", "run_not_started", /it is QUEUED since 10m/, { run: { ...run, status: "QUEUED" } }],
  [
    "a job with another executor",
    "other_executor",
    /the executor in_process/,
    { run: { ...run, executor: "in_process" } },
  ],
  [
    "a step that needs one that failed",
    "upstream_failed",
    /extract failed/,
    needing(["extract"], step("extract", { ended: "failure" })),
  ],
  [
    "a step that needs one that runs",
    "waits_for_steps",
    /1 step that it needs: extract\./,
    needing(["extract"], step("extract")),
  ],
  [
    "a step that needs a step not mapped yet",
    "waits_for_steps",
    /shout\[\?\]/,
    needing(["shout[?]"], step("shout[?]")),
  ],
  [
    "a collect that needs one of several mapped steps",
    "waits_for_steps",
    /: shout\[b\]\./,
    needing(["shout[?]"], step("shout[a]", { ended: "success" }), step("shout[b]")),
  ],
  [
    "a parked dead letter",
    "dead_letter",
    /\(step_fault: SIGKILL\)\. Verdict: run still waiting \(parked\)/,
    { row: row("dead", { outcome: { ...result("success"), state: "parked" } }), letters: [letter("parked")] },
  ],
  [
    "a claim that holds, whose step began",
    "runs",
    /Worker w-2 runs it since 8s \(start 1 of attempt 0\).* 40s more/,
    { step: { ...sent, began_at: now - 8 }, row: row("running") },
  ],
  ["a claim that holds, whose step has not begun", "starting", /its process has not begun/, { row: row("running") }],
  ["a permit", "recording", /is recording its end/, { row: row("permitted") }],
  [
    "a claim that ended",
    "worker_lost",
    /ended 2m ago: it died.*\(start 2\)/,
    { row: row("running", { leaseExpiresAtMs: nowMs - 120_000 }) },
  ],
  [
    "a parked row without its letter",
    "settled",
    /its end \(parked, 9s ago\)/,
    { row: row("dead", { outcome: { ...result("success"), state: "parked" } }) },
  ],
  [
    "a retry that waits",
    "waits_for_retry",
    /Attempt 0 ended in a retry.*attempt 1 in 30s/,
    { step: step("load", { attempt: 1, retry_at: now + 30 }) },
  ],
  [
    "a pool without a slot",
    "pool_full",
    /All 1 slot of pool db are taken, and 2 steps wait.*slow of run run-0/,
    { step: step("load", { pool: "db" }), pools: [pool] },
  ],
  [
    "a pool with a slot",
    "not_sent",
    /its run worker has not sent it/,
    { step: step("load", { pool: "db" }), pools: [{ ...pool, slots: 2 }] },
  ],
  [
    "a step that was sent elsewhere",
    "other_queue",
    /sent it to bulk\.fifo 3m ago.*not the queue that was looked at/,
    { step: { ...sent, queue: "bulk.fifo" } },
  ],
  [
    "a queue by its URL is the same one",
    "message_gone",
    /steps\.fifo is empty/,
    { step: { ...sent, queue: "https://sqs.eu-north-1.amazonaws.com/1/steps.fifo" } },
  ],
  [
    "a request for quiet",
    "quiet",
    /ada asked for it 1m ago \(a new host\)/,
    { queue: { ...queue, quiet: [quiet], depth: { ...empty, visible: 1 } } },
  ],
  [
    "messages that wait",
    "waits_in_queue",
    /no worker has claimed it\. About 3 messages wait in steps\.fifo, and workers have 2/,
    { queue: { ...queue, depth: { visible: 3, inFlight: 2, delayed: 0 } } },
  ],
  [
    "a step that was given back",
    "waits_in_queue",
    /Worker w-2 gave it back 9s ago \(1 start counted\)/,
    { row: row("pending"), queue: { ...queue, depth: { ...empty, visible: 1 } } },
  ],
  [
    "a message in flight",
    "in_flight",
    /a worker has just received it/,
    { queue: { ...queue, depth: { ...empty, inFlight: 1 } } },
  ],
  ["a purged queue", "message_gone", /its message is gone/, {}],
];

for (const [what, kind, says, evidence] of cases) {
  test(`${what} is explained as ${kind}`, () => {
    const explanation = explain(evidence);
    assert.equal(explanation.kind, kind);
    assert.match(explanation.why, says);
  });
}

test("explain asks for a worker where no message is in hand, and for more workers where some are", () => {
  const waiting = (inFlight: number) => explain({ queue: { ...queue, depth: { ...empty, visible: 1, inFlight } } });
  assert.match(waiting(0).next[0] ?? "", /No worker has anything in hand/);
  assert.match(waiting(1).next[0] ?? "", /Start more workers/);
});

test("a run whose steps have all ended names its run worker, a running one counts its steps", () => {
  const ended: Explanation = { kind: "ended", why: "", next: [] };
  const runs: Explanation = { kind: "runs", why: "", next: [] };
  const gone = explainRun({ run, nowMs }, new Map([["load", ended]]));
  assert.deepEqual([gone.kind, /Switch on run_monitoring/.test(gone.next.join())], ["run_worker_gone", true]);
  const open = explainRun(
    { run, nowMs },
    new Map([
      ["a", ended],
      ["b", runs],
    ]),
  );
  assert.equal(open.kind, "steps_open");
  assert.match(open.why, /is STARTED since 9m\. Of 2 steps: 1 ended, 1 run\./);
  assert.equal(explainRun({ run: { ...run, status: "SUCCESS" }, nowMs }, new Map([["a", ended]])).kind, "over");
});
