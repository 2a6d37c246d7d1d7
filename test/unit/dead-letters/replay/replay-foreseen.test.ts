// A producer that reads the dead letter queue uses up every deduplication id that it can foresee.
// SQS would then accept a replay's copy and drop it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { bench } from "../setup.ts";
import { start } from "./replay-setup.ts";

/**
 * Two letters, the same to the byte in every such world: message ids, groups and times are the
 * model's.
 */
async function twin() {
  const world = await bench();
  await world.park({ runId: "run-1", stepKey: "a", attempt: 0 });
  await world.bury("a", bodyFor("a"), "one");
  world.move("b", "two");
  return world;
}

test("ids that fit a replay of the same letters elsewhere, used up beforehand, make SQS drop no copy", async () => {
  const [elsewhere, world] = [await twin(), await twin()];
  assert.deepEqual(world.deadLetters.inspect(), elsewhere.deadLetters.inspect());
  await start(elsewhere);
  const foreseen = elsewhere.source.inspect().map(({ deduplicationId }) => deduplicationId ?? "");
  assert.equal(new Set(foreseen).size, 2);
  for (const deduplicationId of foreseen) world.source.send({ body: "in its place", groupId: "g", deduplicationId });
  const { ends } = await start(world);
  assert.deepEqual([...new Set(ends.map(([, kind]) => kind))], ["sent"]);
  assert.deepEqual(world.deadLetters.inspect(), []);
  const arrived = world.source.inspect().map(({ body }) => body);
  assert.deepEqual(arrived.sort(), [bodyFor("a"), bodyFor("b"), "in its place", "in its place"].sort());
});
