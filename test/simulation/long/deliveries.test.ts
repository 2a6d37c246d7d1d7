// A hundred thousand deliveries, a fixed set of seeds, in threads of their own. `npm run simulate` lives through any other seed.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runShard, shares } from "../shard.ts";

describe("100,000 deliveries", { concurrency: 2 }, () => {
  for (const share of shares(1_001, 100_000, 4)) {
    test(`break no rule (seeds ${share.fromSeed}, ${share.fromSeed + 4}, …)`, async () => {
      const { story, deliveries } = await runShard(share);
      assert.equal(story, null, story ?? "");
      assert.ok(deliveries >= 25_000);
    });
  }
});
