// Dead letters as tables, with a line for each, or one for all that are alike. The pages show them
// as they are.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { groupTable, letterTable } from "../../../../cli/operator/letter-texts.ts";
import { showPlans } from "../../../../cli/operator/plans-output.ts";
import { groupLetters } from "../../../../core/dead-letters/groups.ts";
import type { DeadLetter } from "../../../../core/dead-letters/letter.ts";
import { planLetter } from "../../../../core/dead-letters/replay/replay-plan.ts";
import type { JoinedLetter } from "../../../../core/dead-letters/verdict.ts";
import { type Evidence, verdictOf } from "../../../../core/dead-letters/verdict.ts";
import { result } from "../../../support/ports/scripted-steps.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { aLetter, buriedAtMs, DAY_MS } from "../../dead-letters/letters.ts";
import { Captured } from "../captured.ts";

const page = {
  width: Number.POSITIVE_INFINITY,
  nowMs: buriedAtMs + 12_000,
  colours: (_: unknown, text: string) => text,
};

function joined(
  letter: DeadLetter,
  job = "nightly",
  changes: Partial<Evidence> & { readonly status?: string } = {},
): JoinedLetter {
  const { status = "STARTED", ...evidence } = changes;
  const named = letter.step !== null;
  const run = { status, job, goesOn: status === "STARTED" };
  const standing = named ? { run, ended: null, began: true, ...changes.standing } : null;
  const facts = {
    body: letter.body,
    named,
    retryPlanned: false,
    sameInstance: null,
    unsigned: false,
    reason: letter.reason,
  };
  return { letter, row: null, standing, verdict: verdictOf({ ...facts, row: null, nowMs: 0, standing, ...evidence }) };
}

const errorsIn = (table: string) => {
  const [heading = [], ...rows] = table
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  return rows.map((row) => row[heading.indexOf("ERROR")]);
};

test("the class of an error is shown once, also where its message begins with the class", () => {
  const cases = [
    ["StepProcessDied", "StepProcessDied: it exited", "StepProcessDied: it exited"],
    ["ValueError", "no rain", "ValueError: no rain"],
    [null, "no rain", "no rain"],
  ] as const;
  for (const [errorClass, detail, shown] of cases) {
    const letters = [joined(aLetter("m1", { errorClass, detail }))];
    assert.deepEqual(
      [errorsIn(letterTable(letters, page)), errorsIn(groupTable(groupLetters(letters), page))],
      [[shown], [shown]],
    );
  }
});

describe("docs/operations.md", () => {
  const text = readFileSync(new URL("../../../../docs/operations.md", import.meta.url), "utf8");
  const minuteMs = 60_000;
  const nowMs = buriedAtMs + 3 * DAY_MS;
  const at = { ...page, nowMs };
  const died = {
    reason: "step_fault",
    errorClass: "StepProcessDied",
    detail: "StepProcessDied: the step process was killed by SIGKILL before it had an outcome",
    worker: "worker-2",
  };
  const runId = "7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11";
  const parked = { row: { state: "dead", outcome: result("parked"), leaseExpiresAtMs: null } } as const;
  const waiting = joined(
    aLetter("5f0c1a9e", { ...died, body: bodyFor("load", { run_id: runId }), atMs: nowMs - 12 * minuteMs }),
    "nightly",
    parked,
  );

  test("docs/operations.md shows a letter as it is printed", () => {
    assert.ok(text.includes(letterTable([waiting], at)), letterTable([waiting], at));
  });

  test("docs/operations.md shows groups as they are printed", () => {
    const fingerprint = "3f6a0c2b9d1e";
    const ended = { ended: "failure", run: null, began: true } as const;
    const transforms = Array.from({ length: 812 }, (_, i) => {
      const atMs = nowMs - 124 * minuteMs + (i * 121 * minuteMs) / 811;
      const letter = aLetter(`m${i}`, { ...died, fingerprint, body: bodyFor(`transform[part_${i}]`), atMs });
      return joined(letter, "nightly", { standing: ended });
    });
    const unreadable = { reason: "malformed", errorClass: null, fingerprint: "19ff2d9a18e0" };
    const detail = "step_key: Invalid type: Expected string but received 7";
    const malformed = aLetter("m", { ...unreadable, detail, body: "{}", atMs: nowMs - 62 * minuteMs });
    const table = groupTable(groupLetters([...transforms, joined(malformed)]), at);
    assert.ok(text.includes(table), table);
  });

  test("docs/operations.md shows a replay's plan as it is printed", () => {
    const stdout = new Captured();
    const planned = planLetter(waiting, null, {
      sourceUrl: "https://sqs/steps",
      misnamed: new Set(),
      unsignable: new Set(),
      purge: null,
    });
    showPlans([{ planned, end: null, outcome: null }], false, false, { stdout, env: {} });
    assert.ok(text.includes(stdout.text), stdout.text);
  });
});
