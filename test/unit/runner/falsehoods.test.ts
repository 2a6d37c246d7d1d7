// What a process may say that became of its work.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { falsehoodIn, type Order } from "../../../core/runner/falsehoods.ts";
import type { Outcome } from "../../../core/runner/frames.ts";
import { endingOf, Work } from "../../../core/runner/work.ts";

const error = { class: "CheckError", message: "no such step", traceback: "…" };
const times = { started_at: 1, completed_at: 2, execution_time_seconds: 1 };
const result = { state: "success", output: null, error: null, ...times } as const;

describe("what a process claims", () => {
  type Claim = readonly [order: Order, kind: Outcome["kind"], state: string, permitted: boolean];
  const of = ([order, kind, state, permitted]: Claim, settled?: boolean, maySettle = false) =>
    falsehoodIn(
      { kind, result: { ...result, state }, error, standings: [], scope: "step", settled } as Outcome,
      order,
      { permitted, maySettle },
    );
  const possible: readonly Claim[] = [
    ["run", "success", "success", true],
    ["run", "resource_init_failure", "resource_init_failure", true],
    ["run", "already_recorded", "failure", false],
    ["run", "run_over", "run_over", false],
    ["run", "rerun_refused", "-", false],
    ["run", "permit_refused", "-", false],
    ["run", "fault", "-", false],
    ["report", "reported", "reported", true],
    ["report", "parked", "parked", false],
    ["report", "already_recorded", "up_for_retry", false],
    ["report", "run_over", "run_over", false],
    ["notice", "noticed", "-", false],
    ["probe", "probed", "-", false],
    ["look", "looked", "-", false],
  ];
  for (const claim of possible) test(`a process may claim ${claim.join(", ")}`, () => assert.equal(of(claim), null));

  const impossible: readonly (readonly [...Claim, falsehood: string])[] = [
    ["run", "success", "success", false, "success without a permit"],
    ["run", "success", "failure", true, "success with the state failure"],
    ["run", "already_recorded", "parked", false, "already_recorded with the state parked"],
    ["run", "run_over", "success", false, "run_over with the state success"],
    ["run", "reported", "reported", true, "reported does not answer a run"],
    ["run", "parked", "parked", true, "parked does not answer a run"],
    ["run", "noticed", "-", true, "noticed does not answer a run"],
    ["run", "looked", "-", true, "looked does not answer a run"],
    ["report", "success", "success", true, "success does not answer a report"],
    ["report", "reported", "reported", false, "reported without a permit"],
    ["probe", "run_over", "run_over", false, "run_over does not answer a probe"],
    ["look", "probed", "-", false, "probed does not answer a look"],
  ];
  for (const [order, kind, state, permitted, falsehood] of impossible) {
    test(`a process cannot claim ${order}, ${kind}, ${state}, ${permitted}`, () => {
      assert.equal(of([order, kind, state, permitted]), falsehood);
    });
  }

  test("an end is settled with its event only where the order names the ledger's row and no permit was asked for", () => {
    const says = "success that is settled already";
    assert.equal(of(["run", "success", "success", false], true, true), null);
    assert.equal(of(["run", "success", "success", false], true, false), says);
    assert.equal(of(["run", "success", "success", true], true, true), says);
    assert.equal(of(["run", "success", "success", false], false, true), "success without a permit");
    assert.equal(of(["report", "reported", "reported", false], true, true), null);
    assert.equal(of(["report", "parked", "parked", false], true, true), "parked that is settled already");
    assert.equal(of(["run", "run_over", "run_over", false], true, true), "run_over that is settled already");
  });

  test("a claim that cannot be true is a fault of the step", () => {
    const heard = { onStarted: assert.ok, onPermit: assert.ok, onCapture: assert.ok };
    const work = new Work("run", { ask: async () => ({ granted: false }), ...heard });
    work.hear({ type: "outcome", id: "1", outcome: { kind: "success", result } });
    const message = "the process reports an impossible outcome: success without a permit";
    assert.deepEqual(endingOf(work, { how: "exited", code: 0, signal: null }, false), {
      kind: "fault",
      scope: "step",
      error: { class: "FalseOutcome", message, traceback: "" },
    });
  });
});
