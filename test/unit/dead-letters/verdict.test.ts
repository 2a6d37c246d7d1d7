// What is to be done about a dead letter: every verdict, and what outweighs what.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Act,
  type Evidence,
  type VerdictKind,
  verdictKinds,
  verdictOf,
} from "../../../core/dead-letters/verdict.ts";
import type { LedgerRow } from "../../../core/ledger/port.ts";
import type { AttemptStanding } from "../../../core/runner/port.ts";
import type { ExecutionState } from "../../../core/step/step.ts";
import { result } from "../../support/ports/scripted-steps.ts";

const nowMs = 1_790_000_000_000;

type Row = Evidence["row"];
const row = (state: LedgerRow["state"], leftMs = 0, outcome: ExecutionState | null = null): Row => ({
  state,
  leaseExpiresAtMs: state === "running" || state === "permitted" ? nowMs + leftMs : null,
  outcome: outcome === null ? null : { ...result("success"), state: outcome },
});
const dead = (outcome: ExecutionState) => row("dead", 0, outcome);

const run = (status: string) => ({ status, job: "nightly", goesOn: status === "STARTED" || status === "QUEUED" });
const standing = (status: string | null, ended: AttemptStanding["ended"] = null): AttemptStanding => ({
  run: status === null ? null : run(status),
  ended,
  began: false,
});

const buried: Evidence = {
  body: "step",
  named: true,
  retryPlanned: false,
  reason: "crash_loop",
  row: null,
  sameInstance: null,
  unsigned: false,
  standing: standing("STARTED"),
  nowMs,
};

type Case = readonly [what: string, kind: VerdictKind, act: Act, evidence: Partial<Evidence>];

const cases: readonly Case[] = [
  ["parked, run goes on", "parked", "replay", { row: dead("parked") }],
  ["moved by SQS, never claimed, run goes on", "moved", "replay", { reason: null }],
  ["moved by SQS, its worker is gone", "moved", "replay", { reason: null, row: row("running", -1) }],
  ["moved by SQS, given back", "moved", "replay", { reason: null, row: row("pending") }],
  ["moved by SQS, a worker has it", "in_hand", "wait", { reason: null, row: row("running", 1) }],
  ["moved by SQS, a worker ends it", "in_hand", "wait", { reason: null, row: row("permitted", 1) }],
  ["buried, pruned from the ledger, run goes on", "waiting", "replay", {}],
  ["failed in the log", "failure_reported", "reexecute", { standing: standing("STARTED", "failure") }],
  ["failed in the log, run over", "failure_reported", "reexecute", { standing: standing("FAILURE", "failure") }],
  ["resources failed", "failure_reported", "reexecute", { standing: standing("STARTED", "resource_init_failure") }],
  [
    "the log outweighs the ledger",
    "succeeded",
    "purge",
    { row: dead("parked"), standing: standing("STARTED", "success") },
  ],
  ["succeeded, run failed later", "succeeded", "purge", { standing: standing("FAILURE", "success") }],
  [
    "a retry is on its way",
    "retried",
    "purge",
    { row: dead("reported"), standing: standing("STARTED", "up_for_retry") },
  ],
  ["open, run failed", "run_over", "reexecute", { row: dead("parked"), standing: standing("FAILURE") }],
  ["open, run canceled", "run_over", "reexecute", { standing: standing("CANCELING") }],
  ["open, run succeeded", "run_succeeded", "purge", { standing: standing("SUCCESS") }],
  ["run unknown", "no_such_run", "ask", { standing: standing(null) }],
  ["unsigned", "unsigned", "ask", { unsigned: true }],
  ["unsigned, malformed, its step not named", "unsigned", "ask", { unsigned: true, body: "malformed", named: false }],
  [
    "unsigned, though its step succeeded",
    "unsigned",
    "ask",
    { unsigned: true, standing: standing("SUCCESS", "success") },
  ],
  ["run deleted", "run_deleted", "purge", { standing: standing(null), sameInstance: true }],
  ["run of another instance", "other_instance", "ask", { standing: standing(null), sameInstance: false }],
  ["run unknown, malformed", "no_such_run", "ask", { body: "malformed", standing: standing(null) }],
  ["nothing readable", "malformed", "mend", { body: "malformed", named: false, standing: null }],
  ["parked as malformed", "malformed_open", "mend", { body: "malformed", reason: "malformed", row: dead("parked") }],
  [
    "malformed, failure reported",
    "failure_reported",
    "reexecute",
    { body: "malformed", standing: standing("STARTED", "failure") },
  ],
  ["malformed, its step named, Dagster not asked", "unknown", "ask", { body: "malformed", standing: null }],
  [
    "of a newer version",
    "newer_version",
    "replay",
    { body: "newer_version", named: false, reason: null, standing: null },
  ],
  ["another body", "other_body", "ask", { reason: "payload_mismatch", row: row("pending") }],
  ["not open when it came", "not_sent", "ask", { reason: "not_open", row: row("pending") }],
  ["not open when it came, Dagster not asked", "not_sent", "ask", { reason: "not_open", standing: null }],
  ["another body, Dagster not asked", "other_body", "ask", { reason: "payload_mismatch", standing: null }],
  [
    "another body of a step that succeeded",
    "succeeded",
    "purge",
    { reason: "payload_mismatch", standing: standing("STARTED", "success") },
  ],
  ["another body of a step that runs", "in_hand", "wait", { reason: "payload_mismatch", row: row("running", 1) }],
  ["reported in the ledger, open in Dagster", "contradiction", "ask", { row: dead("reported") }],
  ["succeeded in the ledger, open in Dagster", "contradiction", "ask", { row: row("completed", 0, "success") }],
  ["Dagster not asked, nothing in the ledger", "unknown", "ask", { standing: null }],
  ["Dagster not asked, parked", "unknown", "ask", { standing: null, row: dead("parked") }],
  ["Dagster not asked, reported", "failure_reported", "reexecute", { standing: null, row: dead("reported") }],
  [
    "Dagster not asked, a retry reported",
    "retried",
    "purge",
    { standing: null, row: dead("reported"), retryPlanned: true },
  ],
  ["Dagster not asked, succeeded", "succeeded", "purge", { standing: null, row: row("completed", 0, "success") }],
  [
    "Dagster not asked, run was over",
    "run_over",
    "reexecute",
    { standing: null, row: row("completed", 0, "run_over") },
  ],
  ["Dagster not asked, held", "in_hand", "wait", { standing: null, row: row("running", 1) }],
];

describe("the verdict", () => {
  for (const [what, kind, act, evidence] of cases) {
    test(`the verdict is ${kind} for ${what}`, () => {
      const verdict = verdictOf({ ...buried, ...evidence });
      assert.deepEqual([verdict.kind, verdict.act], [kind, act]);
    });
  }

  test("every kind of verdict has a case here", () => {
    const shown = new Set(cases.map(([, kind]) => kind));
    assert.deepEqual(
      verdictKinds.filter((kind) => !shown.has(kind)),
      [],
    );
  });

  test("no verdict deletes an open attempt of a run that is not known to have succeeded", () => {
    const rows = [
      null,
      dead("parked"),
      dead("reported"),
      row("running", 1),
      row("pending"),
      row("completed", 0, "success"),
    ];
    const statuses = ["STARTED", "QUEUED", "CANCELING", "FAILURE", null];
    for (const one of rows) {
      for (const status of statuses) {
        const verdict = verdictOf({ ...buried, row: one, standing: standing(status) });
        assert.notEqual(verdict.act, "purge", `${one?.state} ${status}`);
      }
    }
  });

  test("the verdicts are worded as inspect-dlq prints them", () => {
    const words = (evidence: Partial<Evidence>) => verdictOf({ ...buried, ...evidence }).words;
    assert.equal(words({ row: dead("parked") }), "run still waiting (parked): replay");
    assert.equal(
      words({ standing: standing("STARTED", "failure") }),
      "failure already reported: re-execute in Dagster",
    );
    assert.equal(words({ standing: standing("STARTED", "success") }), "already succeeded: safe to purge");
    assert.equal(words({ standing: standing("FAILURE") }), "run is over: re-execute");
    assert.equal(words({ body: "malformed", named: false }), "malformed: mend or purge");
  });
});
