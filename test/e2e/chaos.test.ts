// `npm run chaos` in short: everything that can die is killed, stopped or cut off once, under real
// runs, and nothing is lost or recorded twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { acts } from "../chaos/acts.ts";
import { Chaos } from "../chaos/chaos.ts";
import { keepEvidence } from "../chaos/evidence.ts";

const seed = 4;

test("every run finishes, each outcome is recorded once and no message is left, whatever dies", async (t) => {
  const lines: string[] = [];
  const plan = { seed, workers: 3, fifo: true, database: "sqlite", until: { is: "each_once" } } as const;
  const chaos = await Chaos.open(plan, (line) => lines.push(line));
  try {
    const { done, figures, disagreements } = await chaos.run();
    t.diagnostic(figures);
    assert.deepEqual(disagreements, []);
    assert.deepEqual([...done.keys()].toSorted(), Object.keys(acts).toSorted(), "everything was done");
  } catch (error) {
    const folder = await keepEvidence(chaos, seed, lines);
    throw new Error(`chaos, seed ${seed}; logs, ledger and events: ${folder}`, { cause: error });
  } finally {
    await chaos.close();
  }
});
