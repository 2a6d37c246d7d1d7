// The simulation's own test: with any one rule broken, it must find that out, soon. Without, the
// same worlds break nothing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { mutants } from "../mutants.ts";
import type { Hunt } from "../mutated.ts";
import { roomForWorlds } from "../shard.ts";
import type { Sum } from "../simulate.ts";

const bounds = { fromSeed: 1, deliveries: 12_000 };

function hunt(mutant: Hunt["mutant"], seed?: number): Promise<Sum> {
  const within = seed === undefined ? bounds : { fromSeed: seed, deliveries: 1 };
  const workerData: Hunt = { mutant, ...within };
  const thread = new Worker(new URL("../mutated.ts", import.meta.url), { workerData, resourceLimits: roomForWorlds });
  return new Promise((resolve, reject) => {
    thread.on("message", resolve);
    thread.on("error", reject);
  });
}

describe("each broken rule is found", { concurrency: 2 }, () => {
  test("no broken rule is found when none is broken", async () => assert.equal((await hunt({})).found, null));

  for (const { name, edit, rules, seed } of mutants) {
    test(`the simulation finds the broken rule: ${name}`, async () => {
      const { found, deliveries } = await hunt({ ...(edit && { edit }), ...(rules && { rules }) }, seed);
      assert.ok(found !== null, `not found in ${deliveries} deliveries`);
      // That would be the mutant's own clumsiness.
      assert.notEqual(found.violation.rule, "bug", found.violation.detail);
    });
  }
});
