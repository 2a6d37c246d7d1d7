// Which letters the sweep ends, and how. A dead letter that SQS itself made leaves no run waiting,
// and says why it lies there.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { idempotencyKey } from "../../../../core/step/step.ts";
import { granting, never, stepOrder } from "../../../support/dagster/step-orders.ts";
import { result, runIsOver, succeeds } from "../../../support/ports/scripted-steps.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { bench, intervalMs, leaseMs } from "./setup.ts";

const key = "run-1:load";
const claimOf = (owner: string) => ({
  key,
  step: { runId: "run-1", stepKey: "load", attempt: 0 },
  owner,
  leaseMs,
  messageId: "m",
  payloadDigest: "",
  receivedAtMs: 0,
});

for (const fifo of [true, false]) {
  describe(`a step that SQS made a dead letter, ${fifo ? "FIFO" : "standard"}`, () => {
    test(`a step whose message SQS moved is reported once, and its letter says why it lies there, ${fifo ? "FIFO" : "standard"}`, async (t) => {
      const { moved, start, clock, runner, letters, rowOf, journal } = bench(t, { fifo });
      const id = await moved();
      start();
      await clock.advance(intervalMs);
      assert.deepEqual(
        journal.filter((line) => !line.startsWith("renew")),
        [
          ...[`claim ${key}`, `report ${key} moved_by_sqs`, `permit ${key}`],
          ...[`event ${key} STEP_FAILURE`, `settle ${key} reported`, "notice run-1:load error"],
        ],
      );
      assert.deepEqual(await rowOf(), ["dead", "reported"]);
      const [letter, ...others] = letters();
      assert.deepEqual([letter?.step, letter?.reason, letter?.state, others], ["load", "moved_by_sqs", "visible", []]);
      assert.notEqual(letter?.id, id);
      assert.match(runner.notices[0]?.message ?? "", /^Message moved to the dead letter queue \(moved_by_sqs\): SQS/);

      journal.length = 0;
      await clock.advance(100 * intervalMs);
      assert.deepEqual(journal, [], "what is ended is not asked about again");
      assert.deepEqual(letters(), [letter]);
    });
  });
}

test("a bug at one dead letter is logged, and the sweep ends the others", async (t) => {
  const { moved, start, clock, runner, logged } = bench(t);
  const report = runner.report.bind(runner);
  runner.report = async (order, ...rest) => {
    if (order.stepKey === "odd") throw new TypeError("no such field");
    return await report(order, ...rest);
  };
  const odd = await moved("odd");
  await moved("load");
  start();
  await clock.advance(intervalMs);
  assert.match(logged.messages("delivery.bug")[0] ?? "", /^bug in taskiq, .*: TypeError: no such field\n +at /);
  assert.deepEqual([logged.of("delivery.bug")[0]?.["messageId"], logged.of("worker.bug")], [odd, []]);
  assert.deepEqual(runner.log(key), ["STEP_FAILURE"]);
});

describe("a step that SQS made a dead letter", () => {
  test("a step whose message SQS moved is reported with the retry that its policy still has", async (t) => {
    const { moved, start, clock, runner } = bench(t);
    await moved("load", bodyFor("load", { on_fault: { retry_in: 30 } }));
    start();
    await clock.advance(intervalMs);
    assert.deepEqual(runner.log(key), ["STEP_UP_FOR_RETRY"]);
  });

  test("a step whose message SQS moved is left open and noted as parked when its tag says park", async (t) => {
    const { moved, start, clock, runner, letters, rowOf } = bench(t);
    await moved("load", bodyFor("load", { tags: { "taskiq/on_exhausted": "park" } }));
    start();
    await clock.advance(intervalMs);
    assert.deepEqual([runner.log(key), await rowOf()], [[], ["dead", "parked"]]);
    assert.deepEqual(
      letters().map(({ reason }) => reason),
      ["moved_by_sqs"],
    );
  });

  test("a malformed letter that SQS moved has its step reported, and stays as malformed", async (t) => {
    const { moved, start, clock, runner, letters, rowOf } = bench(t);
    await moved("load", bodyFor("load", { tags: 7 }));
    start();
    await clock.advance(intervalMs);
    assert.deepEqual([runner.log(key), await rowOf()], [["STEP_FAILURE"], ["dead", "reported"]]);
    assert.deepEqual(
      letters().map(({ reason }) => reason),
      ["malformed"],
    );
  });

  test("a moved letter whose step had succeeded by the ledger is deleted", async (t) => {
    const { moved, start, clock, runner, letters, store, rowOf } = bench(t);
    const claim = await store.claim(claimOf("worker-b"));
    assert.ok(claim.kind === "granted");
    await store.settle({ key, fence: claim.fence }, result("success"));
    await moved();
    start();
    await clock.advance(intervalMs);
    assert.deepEqual([letters(), runner.reports, await rowOf()], [[], [], ["completed", "success"]]);
  });

  test("a moved letter whose step had ended only by Dagster's log is settled with that end", async (t) => {
    const { moved, start, clock, runner, letters, rowOf } = bench(t);
    const envelope = { runId: "run-1", stepKey: "load", attempt: 0 };
    runner.scripts.set("load", succeeds);
    await runner.execute(stepOrder("load"), granting(), never);
    await moved();
    start();
    await clock.advance(intervalMs);
    assert.deepEqual(runner.log(idempotencyKey(envelope)), ["STEP_START", "STEP_SUCCESS"]);
    assert.deepEqual([letters(), await rowOf()], [[], ["completed", "success"]]);
  });

  test("a moved letter of a run that is over or unknown is not reported, and stays for people to see", async (t) => {
    const { moved, start, clock, runner, letters, rowOf } = bench(t);
    runner.onReport = runIsOver;
    await moved();
    start();
    await clock.advance(intervalMs);
    assert.deepEqual([runner.log(key), await rowOf()], [[], ["completed", "run_over"]]);
    assert.deepEqual(
      letters().map(({ reason }) => reason),
      ["moved_by_sqs"],
    );
  });

  test("a moved letter whose step another worker runs waits for that, and is not hidden", async (t) => {
    const { moved, start, clock, runner, letters, store, rowOf, journal } = bench(t);
    const claim = await store.claim({ ...claimOf("worker-b"), leaseMs: 10 * intervalMs });
    assert.ok(claim.kind === "granted");
    const id = await moved();
    start();
    await clock.advance(2 * intervalMs);
    assert.deepEqual(journal, [`claim ${key}`], "asked once in a pass");
    assert.deepEqual([runner.reports, letters()], [[], [{ id, step: "load", reason: null, state: "visible" }]]);
    await store.settle({ key, fence: claim.fence }, result("failure"));
    await clock.advance(16 * intervalMs);
    assert.deepEqual([letters(), await rowOf()], [[], ["failed", "failure"]]);
  });

  test("a moved letter that cannot be copied stays as it was found and is reported only once", async (t) => {
    const { moved, start, clock, runner, letters, faults, rowOf } = bench(t);
    const id = await moved();
    faults.bury = new Error("the message is too long");
    start();
    await clock.advance(100 * intervalMs);
    assert.deepEqual([runner.log(key), await rowOf()], [["STEP_FAILURE"], ["dead", "reported"]]);
    assert.deepEqual(letters(), [{ id, step: "load", reason: null, state: "visible" }]);
  });

  test("a moved letter that cannot be deleted gets one copy, however often the sweep looks", async (t) => {
    const { moved, start, clock, runner, letters, faults } = bench(t, { fifo: false });
    await moved();
    faults.ack = new Error("access denied");
    start();
    await clock.advance(100 * intervalMs);
    assert.deepEqual(
      letters().map(({ reason, state }) => [reason, state]),
      [
        [null, "visible"],
        ["moved_by_sqs", "visible"],
      ],
    );
    assert.deepEqual(runner.log(key), ["STEP_FAILURE"]);
  });

  test("a moved letter is ended also behind twenty others of its group", async (t) => {
    const { moved, start, clock, letters, rowOf } = bench(t);
    const steps = Array.from({ length: 21 }, (_, i) => `step_${i}`);
    for (const step of steps) await moved(step, bodyFor(step), "one-group");
    start();
    await clock.advance(20 * intervalMs);
    for (const step of steps) assert.deepEqual(await rowOf(step), ["dead", "reported"], step);
    assert.equal(letters().length, 21);
  });

  test("a moved letter is ended also when the first page ends with a letter of its group", async (t) => {
    const { moved, start, clock, rowOf, theirs } = bench(t);
    for (let i = 0; i < 9; i += 1) await moved(`other_${i}`, bodyFor(`other_${i}`), `other-${i}`, theirs);
    await moved("unread", "[]", "one-group");
    await moved("load", bodyFor("load"), "one-group");
    start();
    await clock.advance(intervalMs);
    assert.deepEqual(await rowOf(), ["dead", "reported"]);
  });

  describe("in a group whose first ten letters stay", () => {
    /** All of one group: dead by the ledger, or unreadable, and the last of them open. */
    async function crowd({ moved, store }: ReturnType<typeof bench>) {
      for (let i = 0; i < 24; i += 1) {
        const step = { runId: "run-1", stepKey: `dead_${i}`, attempt: 0 };
        const claim = await store.claim({ ...claimOf("worker-b"), key: idempotencyKey(step), step });
        assert.ok(claim.kind === "granted");
        await store.settle({ key: idempotencyKey(step), fence: claim.fence }, result("reported"));
        await moved(step.stepKey, i % 2 === 0 ? "[]" : bodyFor(step.stepKey), "one-group");
      }
      await moved("load", bodyFor("load"), "one-group");
    }

    test("a moved letter behind ten that stay is ended, because those ten get groups of their own with their reasons", async (t) => {
      const made = bench(t);
      await crowd(made);
      made.start();
      await made.clock.advance(2 * intervalMs);
      assert.deepEqual(await made.rowOf(), ["dead", "reported"]);
      const left = made.deadLetters.inspect().filter(({ groupId }) => groupId === "one-group");
      assert.ok(left.length < 10, `${left.length} stay`);
      const reasons = new Set(made.letters().map(({ reason }) => reason));
      assert.deepEqual(reasons, new Set([null, "settled_dead", "malformed", "moved_by_sqs"]));
      assert.equal(made.letters().length, 25);
    });

    test("each of ten moved letters that stay gets one copy where nothing can be deleted, however often the sweep looks", async (t) => {
      const made = bench(t);
      await crowd(made);
      made.faults.ack = new Error("access denied");
      made.start();
      await made.clock.advance(100 * intervalMs);
      assert.equal(made.letters().length, 25 + 10);
    });

    test("a moved letter behind ten of another queue stays, which the log says once, and is ended when one is gone", async (t) => {
      const made = bench(t);
      for (let i = 0; i < 10; i += 1) await made.moved(`theirs_${i}`, "{}", "one-group", made.theirs);
      await made.moved("load", bodyFor("load"), "one-group");
      const before = made.letters();
      made.start();
      await made.clock.advance(40 * intervalMs);
      assert.deepEqual(made.letters(), before);
      assert.deepEqual(
        made.logged.of("sweep.hidden").map(({ level, group }) => [level, group]),
        [["warn", "one-group"]],
      );
      const [first] = made.deadLetters.receive({ max: 1, visibilityMs: 30_000 });
      made.deadLetters.delete(first?.receive?.receipt ?? "");
      await made.clock.advance(2 * intervalMs);
      assert.deepEqual(await made.rowOf(), ["dead", "reported"]);
    });
  });

  for (const [what, settled] of [
    ["are dead already", true],
    ["other workers still run", false],
  ] as const) {
    test(`a moved letter is ended also when it lies behind thirty that ${what}`, async (t) => {
      const { moved, start, clock, store, rowOf } = bench(t);
      const others = Array.from({ length: 30 }, (_, i) => `other_${i}`);
      for (const stepKey of others) {
        const step = { runId: "run-1", stepKey, attempt: 0 };
        const other = { ...claimOf("worker-b"), key: idempotencyKey(step), step, leaseMs: 100 * intervalMs };
        const claim = await store.claim(other);
        assert.ok(claim.kind === "granted");
        if (settled) await store.settle({ key: other.key, fence: claim.fence }, result("reported"));
        await moved(stepKey);
      }
      await moved();
      start();
      await clock.advance(2 * intervalMs);
      assert.deepEqual(await rowOf(), ["dead", "reported"]);
    });
  }
});
