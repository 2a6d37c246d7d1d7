// The seeds that ever broke a rule, and a hundred thousand deliveries from seeds that nobody has run, in threads of their own.
// TASKIQ_TEST_SEED names the first seed, to live through the same worlds again.
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

const fromSeed = Number(process.env["TASKIQ_TEST_SEED"] ?? randomInt(1, 2 ** 32));

describe(`100,000 deliveries from seed ${fromSeed} on`, { concurrency: 2 }, () => {
  for (const share of shares({ fromSeed, deliveries: 100_000 }, 4)) {
    test(`break no rule (seeds ${share.fromSeed}, ${share.fromSeed + 4}, …)`, async () => {
      const broken: Broken[] = [];
      const { deliveries } = await runShard(share, (one) => broken.push(one));
      const again = `all of them again: TASKIQ_TEST_SEED=${fromSeed} node --test test/simulation/long/deliveries.test.ts`;
      assert.deepEqual(broken, [], `${broken[0]?.story}\n\n${again}; add the seed to test/simulation/corpus.ts`);
      assert.ok(deliveries >= 25_000);
    });
  }
});
