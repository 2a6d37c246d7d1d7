// `taskiq replay` that was killed when its copies were sent, before it had noted so, and a worker
// that was faster than the next start. What became of the copies decides about their letters.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { buryThree } from "../support/ledger/replayed-once.ts";
import { ALL_SHOWN_MS, type Desk, openDesk, YES } from "../support/taskiq/operators-desk.ts";

/** The copies of a and c are in the queue, and all three letters, too. */
async function killedAfterSending(t: TestContext): Promise<Desk> {
  const desk = await openDesk(t);
  await buryThree(desk);
  const { child, ended } = desk.start(YES);
  desk.server.faults.otherwise((action) => {
    if (action !== "SendMessageBatch") return null;
    child.kill("SIGKILL");
    return { kind: "cut", effect: "after" };
  });
  assert.equal((await ended).signal, "SIGKILL");
  desk.server.faults.clear();
  desk.clock.skip(ALL_SHOWN_MS);
  assert.deepEqual([stepsIn(desk.source), stepsIn(desk.deadLetters)], ["ac", "abc"]);
  return desk;
}

const stepsIn = (queue: Desk["source"]) =>
  queue
    .inspect()
    .map(({ body }) => JSON.parse(body).step_key)
    .sort()
    .join("");

async function again(desk: Desk) {
  const { code, printed } = await desk.replay();
  return {
    code,
    printed: printed.map(({ step_key, verdict, plan, end }) => [step_key, verdict, plan, end].join(" ")).sort(),
  };
}

describe("the letters of a replay that was killed, whose copies meanwhile", () => {
  test("the letters of a killed replay whose copies succeeded are deleted, and the others are sent", async (t) => {
    const desk = await killedAfterSending(t);
    await desk.workOff("success");
    const { code, printed } = await again(desk);
    const ended = "succeeded purge deleted";
    assert.deepEqual([code, printed], [0, [`a ${ended}`, "b parked send sent", `c ${ended}`]]);
    assert.deepEqual([stepsIn(desk.source), stepsIn(desk.deadLetters)], ["b", ""]);
  });

  test("the letters of a killed replay whose copies failed stay, for a re-execution of their run", async (t) => {
    const desk = await killedAfterSending(t);
    await desk.workOff("failure");
    const { code, printed } = await again(desk);
    const ended = "failure_reported refuse ";
    assert.deepEqual([code, printed], [1, [`a ${ended}`, "b parked send sent", `c ${ended}`]]);
    assert.deepEqual([stepsIn(desk.source), stepsIn(desk.deadLetters)], ["b", "ac"]);
  });

  test("the letters of a killed replay whose copies were buried again are sent once more, and deleted with the new ones", async (t) => {
    const desk = await killedAfterSending(t);
    await desk.buryAll();
    assert.deepEqual([stepsIn(desk.source), stepsIn(desk.deadLetters)], ["", "aabcc"]);
    const { code, printed } = await again(desk);
    assert.deepEqual(
      [code, printed.length, new Set(printed.map((one) => one.slice(2)))],
      [0, 5, new Set(["parked send sent"])],
    );
    assert.deepEqual([stepsIn(desk.source), stepsIn(desk.deadLetters)], ["abc", ""]);
  });
});
