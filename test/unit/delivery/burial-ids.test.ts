// The deduplication ids of buried messages: the same for every burial of one message, and nothing
// that can be foreseen without the ledger.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crashes } from "../../support/ports/scripted-steps.ts";
import { message } from "../../support/sqs/messages.ts";
import { type Bench, bench } from "./setup.ts";

const unreadable = message("m1", { body: "{" });
const idsOf = ({ queue }: Bench) => queue.buried.map(({ deduplicationId }) => deduplicationId);

describe("a buried message", () => {
  test("a buried message that could not be deleted is buried under the same id by the next worker", async (t) => {
    const copied = new Set<string>();
    const made = bench(t, { maxStarts: 1 }, { copied });
    made.runner.scripts.set("load", crashes);
    made.queue.onAck = async (receipts) => receipts.map(() => "failed");
    assert.equal(await made.deliver(), "buried");
    copied.clear();
    assert.equal(await made.deliver(message("m1", { receipt: "m1#2", receiveCount: 2 })), "buried");
    assert.deepEqual(
      made.queue.buried.map(({ reason }) => reason.starts),
      [1, 0],
    );
    assert.equal(new Set(idsOf(made)).size, 1);
  });

  test("the burial id differs for another ledger and for another message", async (t) => {
    const [one, other] = [bench(t), bench(t)];
    for (const made of [one, other]) assert.equal(await made.deliver(unreadable), "buried");
    assert.equal(await one.deliver(message("m2", { body: "{" })), "buried");
    assert.equal(new Set([...idsOf(one), ...idsOf(other)]).size, 3);
  });

  test("a burial while the ledger does not answer has a random id: better two dead letters than none", async (t) => {
    const made = bench(t);
    made.ledger.down.add("burialKey");
    for (const id of ["m1", "m2"]) assert.equal(await made.deliver(message(id, { body: "{" })), "buried");
    assert.equal(new Set(idsOf(made)).size, 2);
    assert.equal(made.logged.shown("ledger.unreachable").length, 1);
  });
});
