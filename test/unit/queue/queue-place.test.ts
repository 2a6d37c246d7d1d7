// Where a queue is, by its URL. The executor reads the same table.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { placeOf } from "../../../core/queue/queue-place.ts";

const table = new URL("../../../fixtures/aws/queue-places.json", import.meta.url);
const rows: readonly { origin: string }[] = JSON.parse(readFileSync(table, "utf8"));

for (const { origin, ...place } of rows) {
  test(`the requests of a queue at ${origin} go to its place`, () => {
    assert.deepEqual(placeOf(`${origin}/123456789012/steps.fifo`), place);
  });
}
