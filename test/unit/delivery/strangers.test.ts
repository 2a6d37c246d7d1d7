// Messages whose run this worker's Dagster does not know: never acked, unless it is proven that the
// run was deleted.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { result } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const [theirs, ours] = ["instance-b", "instance-a"];
const mend =
  "Give each instance a queue of its own, or point this worker's DAGSTER_HOME at the instance of the run workers";
const of = (instance: string | null, receiveCount = 1) =>
  message("m1", { body: bodyFor("load", { instance }), receiveCount });

describe("a message of another Dagster instance", () => {
  const detail = `it names Dagster instance ${theirs}, and this worker runs steps of instance ${ours}. ${mend}`;

  test("a message of another instance goes back before a claim, and an error names both instances", async (t) => {
    const { deliver, deeds, runner, logged } = bench(t);
    runner.identity = ours;
    assert.equal(await deliver(of(theirs)), "released");
    assert.deepEqual(deeds(), ["extend m1#1 5000"]);
    assert.deepEqual(logged.messages("delivery.other_instance"), [`not run: ${detail}`]);
  });

  test("a message of another instance is buried at its eleventh receive, and no step is ended", async (t) => {
    const { deliver, deeds, runner, queue } = bench(t);
    runner.identity = ours;
    assert.equal(await deliver(of(theirs, 10)), "released");
    assert.equal(await deliver(of(theirs, 11)), "buried");
    assert.deepEqual(
      queue.buried.map(({ reason }) => [reason.reason, reason.detail]),
      [["other_instance", detail]],
    );
    assert.deepEqual(
      deeds().filter((deed) => !deed.startsWith("extend")),
      ["bury m1 other_instance", "ack m1#11"],
    );
  });

  for (const [title, named, known] of [
    ["runs where the identities are the same", ours, ours],
    ["runs where the message names no instance", null, ours],
    ["runs where the worker's instance has no identity", theirs, null],
  ] as const) {
    test(`a message ${title}`, async (t) => {
      const { deliver, runner } = bench(t);
      runner.identity = known;
      assert.equal(await deliver(of(named)), "acked");
    });
  }
});

describe("a run that Dagster does not know", () => {
  const unknown = (asked: string | null) => async () =>
    ({ kind: "unknown_run", instance: asked, result: result("run_over") }) as const;

  test("a message of an unknown run is settled when it names the instance that was asked", async (t) => {
    const { deliver, runner, ledger, logged } = bench(t);
    runner.scripts.set("load", unknown(ours));
    assert.equal(await deliver(of(ours)), "acked");
    assert.equal((await ledger.find("run-1:load"))?.outcome?.state, "run_over");
    assert.deepEqual(logged.messages("step.run_deleted"), ["its run was deleted: nothing is run"]);
  });

  for (const [named, asked, whose] of [
    [null, ours, "the message names no instance"],
    [null, null, "the message names no instance"],
    [theirs, null, `the message names instance ${theirs}`],
  ] as const) {
    test(`a message of instance ${named ?? "(none)"} whose run instance ${asked ?? "(none)"} does not know goes back with its start`, async (t) => {
      const { deliver, runner, queue, store, logged } = bench(t);
      runner.scripts.set("load", unknown(asked));
      assert.equal(await deliver(of(named)), "released");
      const { state, starts } = (await store.find("run-1:load")) ?? {};
      assert.deepEqual([state, starts, queue.acked, queue.buried], ["pending", 0, [], []]);
      const asker = asked ?? "(without an identity)";
      assert.deepEqual(logged.messages("step.unknown_run"), [
        `not run: run run-1 is not known to Dagster instance ${asker}, and ${whose}. ${mend}`,
      ]);
    });
  }

  test("a message of an unknown run is buried at its eleventh receive, with its attempt as it was", async (t) => {
    const { deliver, runner, queue, store } = bench(t);
    runner.scripts.set("load", unknown(ours));
    assert.equal(await deliver(of(null, 11)), "buried");
    assert.deepEqual(
      queue.buried.map(({ reason }) => reason.reason),
      ["unknown_run"],
    );
    assert.equal((await store.find("run-1:load"))?.state, "pending");
  });

  test("a malformed message of an unknown run is not reported, and buried as malformed in the end", async (t) => {
    const { deliver, runner, queue } = bench(t);
    runner.onReport = unknown(ours);
    const malformed = (receiveCount: number) =>
      message("m1", { body: bodyFor("load", { tags: "none" }), receiveCount });
    assert.equal(await deliver(malformed(1)), "released");
    assert.equal(await deliver(malformed(11)), "buried");
    assert.deepEqual(
      queue.buried.map(({ reason }) => reason.reason),
      ["malformed"],
    );
  });
});
