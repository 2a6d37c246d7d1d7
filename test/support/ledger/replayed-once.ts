// Three dead letters of an operator, and that they were replayed: all of them, once, in order.
import assert from "node:assert/strict";
import type { Desk } from "../taskiq/operators-desk.ts";

/** Ids of the letters, by the keys of their attempts. */
export type Buried = ReadonlyMap<string, string>;

/** Two of one group, in this order, and one of another. */
export async function buryThree(desk: Desk): Promise<Buried> {
  desk.send("a", "one");
  desk.send("b", "one");
  desk.send("c", "two");
  await desk.buryAll();
  return new Map(desk.deadLetters.inspect().map(({ id, body }) => [`run-1:${JSON.parse(body).step_key}`, id]));
}

/**
 * No worker receives from the work queue, so it holds everything that it ever took. `deleted or
 * gone` stands for a letter whose deletion was never answered. Replay does not meet it again, so
 * its replay stays `sent` in the journal.
 */
export async function replayedOnce(desk: Desk, buried: Buried, state: "deleted" | "deleted or gone"): Promise<void> {
  const sent = desk.source.inspect();
  const groups = Map.groupBy(sent, ({ groupId }) => groupId);
  const keysOf = (group: string) => groups.get(group)?.map(({ body }) => JSON.parse(body).step_key);
  assert.deepEqual([sent.length, keysOf("one"), keysOf("two")], [3, ["a", "b"], ["c"]]);
  assert.equal(new Set(sent.map(({ deduplicationId }) => deduplicationId)).size, 3);
  assert.deepEqual(desk.deadLetters.inspect(), []);
  for (const { body, id } of sent) {
    const key = `run-1:${JSON.parse(body).step_key}`;
    const row = await desk.ledger.find(key);
    assert.deepEqual([row?.state, row?.starts], ["pending", 0], key);
    assert.equal((await desk.ledger.reopenings(key)).length, 1, key);
    const replay = await desk.ledger.findReplay(buried.get(key) ?? "");
    const ends = state === "deleted" ? ["deleted"] : ["deleted", "sent"];
    assert.ok(ends.includes(replay?.state ?? ""), `${key} is ${replay?.state} in the journal`);
    assert.deepEqual([replay?.sentId, replay?.number], [id, 1], key);
  }
}
