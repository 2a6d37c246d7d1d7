// The seeds that ever broke a rule, 20,000 deliveries from seeds that are known to hold, and 20,000
// from seeds that were never run, in threads of their own. TASKIQ_TEST_SEED names the first fresh
// seed, to live through the same worlds again.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, test } from "node:test";
import { corpus } from "../corpus.ts";
import { liveThrough } from "../live.ts";
import { type Broken, runShard, shares } from "../shard.ts";

test("the seeds that ever broke a rule break none", async () => {
  for (const { seed, cause } of corpus) {
    const { violation } = await liveThrough(seed);
    const again = `npm run simulate -- --deliveries 1 --seed ${seed}`;
    assert.equal(violation, null, `seed ${seed} (${cause}) breaks ${violation?.rule} again: ${again}`);
  }
});

const fresh = Number(process.env["TASKIQ_TEST_SEED"] ?? randomInt(2 ** 31, 2 ** 32));
const parts = [
  { what: "known", fromSeed: 1_000_000_000, deliveries: 20_000 },
  { what: "fresh", fromSeed: fresh, deliveries: 20_000 },
] as const;

for (const { what, fromSeed, deliveries } of parts) {
  describe(`${deliveries} deliveries from ${what} seeds, ${fromSeed} on`, { concurrency: 2 }, () => {
    for (const share of shares({ fromSeed, deliveries }, 4)) {
      test(`deliveries from the ${what} seeds ${share.fromSeed}, ${share.fromSeed + 4}, … break no rule`, async () => {
        const broken: Broken[] = [];
        const lived = await runShard(share, (one) => broken.push(one));
        const again = `all of them again: npm run simulate -- --deliveries ${deliveries} --seed ${fromSeed}`;
        assert.deepEqual(broken, [], `${broken[0]?.story}\n\n${again}; add the seed to test/simulation/corpus.ts`);
        assert.ok(lived.deliveries >= deliveries / 4);
      });
    }
  });
}
