// Contract: a cut receive is for one worker of its queue, from the end of its wait until it has
// been repeated or can be repeated no longer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LeftReceive, REPEATABLE_MS } from "../../core/ledger/cut-receives.ts";
import type { MakeLedger } from "./ledger-setup.ts";

const second = 1_000;
const forMs = 60 * second;
const queueUrl = "https://sqs.eu-west-1.amazonaws.com/1/steps.fifo";

function left(attemptId = "attempt-1", changes: Partial<LeftReceive> = {}): LeftReceive {
  return { attemptId, queueUrl, max: 3, leftMs: 20 * second - 0.5, ...changes };
}

export function cutReceivesContract(make: MakeLedger): void {
  test("a cut receive is taken once its wait is over, as it was left, and by one worker", async (t) => {
    const { ledger, second: other, advance } = await make(t);
    await ledger.cutReceives.leave([left()]);
    const { cutReceives } = await other();
    await advance(20 * second - 1);
    assert.deepEqual(await cutReceives.take([queueUrl], forMs), []);
    await advance(1);
    const ledgers = [ledger.cutReceives, cutReceives];
    const taken = await Promise.all(ledgers.map((one) => one.take([queueUrl], forMs)));
    assert.deepEqual(taken.flat(), [{ attemptId: "attempt-1", queueUrl, max: 3 }]);
  });

  test("a cut receive is taken by a worker of its queue alone", async (t) => {
    const { ledger, advance } = await make(t);
    const otherUrl = queueUrl.replace("steps", "bulk");
    await ledger.cutReceives.leave([left(), left("attempt-2", { queueUrl: otherUrl, max: 1 })]);
    await advance(20 * second);
    assert.deepEqual(await ledger.cutReceives.take([], forMs), []);
    const taken = [{ attemptId: "attempt-2", queueUrl: otherUrl, max: 1 }];
    assert.deepEqual(await ledger.cutReceives.take([otherUrl, "another"], forMs), taken);
    assert.equal((await ledger.cutReceives.take([queueUrl, otherUrl], forMs)).length, 1);
  });

  test("a taken receive that is not forgotten is taken again after its time", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.cutReceives.leave([left("attempt-1"), left("attempt-2")]);
    await advance(20 * second);
    assert.equal((await ledger.cutReceives.take([queueUrl], forMs)).length, 2);
    await ledger.cutReceives.forget(["attempt-1", "unknown"]);
    await advance(forMs - 1);
    assert.deepEqual(await ledger.cutReceives.take([queueUrl], forMs), []);
    await advance(1);
    assert.deepEqual(
      (await ledger.cutReceives.take([queueUrl], forMs)).map(({ attemptId }) => attemptId),
      ["attempt-2"],
    );
  });

  test("a receive that is left twice keeps its first end", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.cutReceives.leave([left()]);
    await ledger.cutReceives.leave([left("attempt-1", { leftMs: 60 * second })]);
    await advance(20 * second);
    assert.equal((await ledger.cutReceives.take([queueUrl], forMs)).length, 1);
  });

  test("a receive that SQS no longer knows is not taken", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.cutReceives.leave([left("attempt-1"), left("attempt-2", { leftMs: 20 * second + 1 })]);
    await advance(20 * second + REPEATABLE_MS);
    assert.deepEqual(
      (await ledger.cutReceives.take([queueUrl], forMs)).map(({ attemptId }) => attemptId),
      ["attempt-2"],
    );
  });
}
