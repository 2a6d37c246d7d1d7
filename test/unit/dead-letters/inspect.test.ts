// Looking through the dead letter queue: everything is seen, nothing is harmed, however the look
// ends.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requireHarmless } from "../../../core/dead-letters/inspect.ts";
import { Fault } from "../../../core/faults.ts";
import type { DeadLetterQueue } from "../../../core/queue/port.ts";
import { bodyFor } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

describe("looking", () => {
  for (const fifo of [true, false]) {
    test(`a look sees each of 1,000 letters once and gives all back, ${fifo ? "FIFO" : "standard"}`, async () => {
      const { bury, inspect, states } = await bench({ fifo });
      // Of one group all of them, as they were before they were dead letters.
      for (let i = 0; i < 1_000; i += 1) await bury(`step_${i}`);
      const { letters, looked, unseen, interrupted } = await inspect();
      const keys = new Set(letters.map(({ letter }) => letter.key));
      assert.deepEqual([letters.length, keys.size, looked, unseen, interrupted], [1_000, 1_000, 1_000, 0, false]);
      assert.deepEqual(states(), ["visible 1"]);
    });
  }

  test("a look lists the oldest letters first, and says how many it could not see", async () => {
    const { bury, move, clock, inspect } = await bench();
    await bury("second");
    // SQS shows no more of a group while some of it are hidden, ten at most; those at the end of
    // the first page are looked at with the others.
    for (let i = 0; i < 12; i += 1) move("moved", "one");
    await clock.advance(1_000);
    await bury("third");
    const { letters, looked, unseen } = await inspect();
    assert.deepEqual([looked, unseen], [12, 2]);
    assert.deepEqual([letters[0]?.letter.key, letters.at(-1)?.letter.key], ["run-1:second", "run-1:third"]);
  });

  test("an interrupted look gives back its letters and lists nothing", async () => {
    const { bury, inspect, states } = await bench();
    for (let i = 0; i < 50; i += 1) await bury(`step_${i}`);
    const quiet = new AbortController();
    const onPage = (page: number) => {
      if (page === 2) quiet.abort();
    };
    const { letters, looked, interrupted } = await inspect({}, { quiet: quiet.signal, onPage });
    assert.deepEqual([letters, looked, interrupted], [[], 30, true]);
    assert.deepEqual(new Set(states()), new Set(["visible 1", "visible 0"]));
  });

  test("a look that fails midway gives back its letters and rejects with the failure", async () => {
    const { bury, inspect, states, deadLetters } = await bench();
    for (let i = 0; i < 30; i += 1) await bury(`step_${i}`);
    const away = new Fault("TQ_QUEUE", "connect ETIMEDOUT");
    const onPage = (page: number) => {
      if (page === 2) throw away;
    };
    await assert.rejects(inspect({}, { onPage }), away);
    assert.equal(deadLetters.inspect().filter(({ receiveCount }) => receiveCount === 1).length, 20);
    assert.ok(states().every((state) => state.startsWith("visible")));
  });

  test("a look gives back its other letters when one call fails", async () => {
    const { bury, inspect, deadLetters } = await bench();
    for (let i = 0; i < 120; i += 1) await bury(`step_${i}`);
    const away = new Fault("TQ_QUEUE", "connect ETIMEDOUT");
    let calls = 0;
    const extend: DeadLetterQueue["extend"] = async (extensions) => {
      calls += 1;
      if (calls === 1) throw away;
      for (const { receipt, visibilityMs } of extensions) deadLetters.changeVisibility(receipt, visibilityMs);
      return extensions.map(() => "done");
    };
    await assert.rejects(inspect({}, { changes: { extend } }), away);
    const hidden = deadLetters.inspect().filter(({ state }) => state !== "visible");
    assert.equal(hidden.length, 50);
  });

  test("a look at a dead letter queue with a redrive policy of its own is refused", () => {
    requireHarmless({ url: "u", redrives: false });
    assert.throws(() => requireHarmless({ url: "u", redrives: true }), { code: "TQ_CONFIG" });
  });
});

describe("the list", () => {
  test("the list holds the chosen letters, joined with the ledger and with Dagster", async () => {
    const { bury, move, park, runner, inspect, states } = await bench();
    const step = (stepKey: string, runId = "run-1") => ({ runId, stepKey, attempt: 0 });
    await bury("parked");
    await park(step("parked"));
    await bury("done", bodyFor("done", { run_id: "over" }));
    runner.finishedRuns.add("over");
    await bury("unreadable", "{}");
    move("moved", "g2");
    const all = await inspect();
    assert.deepEqual(
      all.letters.map(({ letter, verdict }) => [letter.key, verdict.kind]),
      [
        ["run-1:parked", "parked"],
        ["over:done", "run_succeeded"],
        [null, "malformed"],
        ["run-1:moved", "moved"],
      ],
    );
    const [parked] = all.letters;
    assert.deepEqual([parked?.row?.outcome?.state, parked?.standing?.run?.job], ["parked", "job"]);
    const some = await inspect({ reason: "moved_by_sqs", job: "job" });
    assert.deepEqual([some.looked, some.letters.map(({ letter }) => letter.key)], [4, ["run-1:moved"]]);
    assert.deepEqual((await inspect({ job: "other" })).letters, []);
    assert.deepEqual(states(), ["visible 3"]);
  });

  test("the list holds at most as many letters as wanted, and the look ends with the last of them", async () => {
    const { bury, inspect, deadLetters } = await bench();
    for (let i = 0; i < 40; i += 1) await bury(`step_${i}`);
    const { letters, looked, limited } = await inspect({}, { limit: 5 });
    assert.deepEqual([letters.length, looked, limited], [5, 10, true]);
    assert.equal(deadLetters.inspect().filter(({ receiveCount }) => receiveCount > 0).length, 10);
    const ofJob = await inspect({ job: "job" }, { limit: 5 });
    assert.deepEqual([ofJob.letters.length, ofJob.looked, ofJob.limited], [5, 40, true]);
  });

  test("the list without Dagster says which verdicts are unknown, and why", async () => {
    const { bury, park, runner, inspect } = await bench();
    await bury("parked");
    await park({ runId: "run-1", stepKey: "parked", attempt: 0 });
    const unasked = await inspect({}, { dagster: null });
    assert.deepEqual([unasked.letters[0]?.verdict.kind, unasked.dagsterSilent], ["unknown", null]);
    runner.down = "signal SIGKILL";
    const silent = await inspect();
    assert.equal(silent.letters[0]?.verdict.kind, "unknown");
    assert.equal(silent.dagsterSilent, "StepHostLost: the step host ended (signal SIGKILL)");
  });
});
