// An outcome counts when the ledger has it, and not when another fence does.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ledger } from "../../../core/ledger/port.ts";
import { countOutcomes, noOutcomes } from "../../../core/worker/outcome-counts.ts";
import { result } from "../../support/ports/scripted-steps.ts";

test("only what the ledger recorded is counted", async () => {
  const outcomes = noOutcomes();
  const answers = ["recorded", "stale", "recorded"] as const;
  let asked = 0;
  const stored: Pick<Ledger, "settle"> = { settle: async () => answers[asked++] ?? "stale" };
  const ledger = countOutcomes(stored, outcomes);
  const hold = { key: "run-1:load", fence: 1 };
  for (const state of ["success", "success", "failure"] as const) await ledger.settle(hold, result(state));
  assert.deepEqual(outcomes, { ...noOutcomes(), success: 1, failure: 1 });
});
