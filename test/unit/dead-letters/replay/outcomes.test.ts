// Waiting for the outcomes of replayed steps. Their rows have them, and each wait has an end.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ReplayOutcome, waitForOutcomes } from "../../../../core/dead-letters/replay/await-outcomes.ts";
import { idempotencyKey } from "../../../../core/step/step.ts";
import { ManualClock } from "../../../support/clocks/manual-clock.ts";
import { MemoryLedger } from "../../../support/ports/memory-ledger.ts";
import { result } from "../../../support/ports/scripted-steps.ts";

const stepOf = (stepKey: string) => ({ runId: "run-1", stepKey, attempt: 0 });
const keyOf = (stepKey: string) => idempotencyKey(stepOf(stepKey));

function world() {
  const clock = new ManualClock();
  const ledger = new MemoryLedger({ clock, writeBoundMs: 5_000 });
  const claim = async (stepKey: string) => {
    const asked = { owner: "w", leaseMs: 60_000, messageId: "m", payloadDigest: "d", receivedAtMs: 0 };
    const claimed = await ledger.claim({ key: keyOf(stepKey), step: stepOf(stepKey), ...asked });
    return claimed.kind === "granted" ? claimed.fence : assert.fail(claimed.kind);
  };
  const settle = async (stepKey: string, state: Parameters<typeof result>[0]) =>
    void (await ledger.settle({ key: keyOf(stepKey), fence: await claim(stepKey) }, result(state)));
  let kept = 0;
  const keep = async () => {
    kept += 1;
  };
  const wait = (stepKeys: readonly string[], timeoutMs: number) => {
    const quiet = new AbortController();
    const sizes: number[] = [];
    let known: ReadonlyMap<string, ReplayOutcome> | null = null;
    const keepSize = (now: ReadonlyMap<string, ReplayOutcome>) => void sizes.push(now.size);
    const keys = stepKeys.map(keyOf);
    void waitForOutcomes(keys, { ledger, clock, keep }, timeoutMs, quiet.signal, keepSize).then((all) => {
      known = all;
    });
    return { quiet, sizes, known: () => known && Object.fromEntries(known), kept: () => kept };
  };
  return { clock, claim, settle, wait };
}

describe("the outcomes of replayed steps", () => {
  test("the outcomes of replayed steps are those of their rows", async () => {
    const { clock, settle, wait } = world();
    await settle("a", "success");
    await settle("b", "failure");
    await settle("c", "reported");
    await settle("d", "run_over");
    const { known } = wait(["a", "b", "c", "d"], 60_000);
    await clock.advance(0);
    assert.deepEqual(known(), {
      "run-1:a": "succeeded",
      "run-1:b": "failed",
      "run-1:c": "buried",
      "run-1:d": "failed",
    });
  });

  test("the outcomes of replayed steps are waited for also before a claim, and held letters stay held", async () => {
    const { clock, claim, settle, wait } = world();
    await claim("b");
    const { known, sizes, kept } = wait(["a", "b"], 3_600_000);
    await clock.advance(60_000);
    assert.equal(known(), null);
    assert.ok(kept() >= 12, `held on to ${kept()} times in a minute`);
    await settle("a", "success");
    await settle("b", "success");
    await clock.advance(5_000);
    assert.deepEqual(known(), { "run-1:a": "succeeded", "run-1:b": "succeeded" });
    assert.equal(sizes.at(-1), 2);
  });

  test("outcomes that are not known in time are left out", async () => {
    const { clock, settle, wait } = world();
    await settle("a", "success");
    const { known } = wait(["a", "b"], 30_000);
    await clock.advance(29_999);
    assert.equal(known(), null);
    await clock.advance(1);
    assert.deepEqual(known(), { "run-1:a": "succeeded" });
  });

  test("outcomes are waited for no longer than the operator waits", async () => {
    const { clock, wait } = world();
    const { quiet, known } = wait(["a"], 3_600_000);
    await clock.advance(1_000);
    quiet.abort();
    await clock.advance(0);
    assert.deepEqual(known(), {});
  });
});
