// `taskiq replay`, killed with SIGKILL before and after every request to SQS that has an effect,
// and started again with the same arguments. Every letter is in the work queue once, and none is
// left. replay-killed-ledger.test.ts kills it at every write to the ledger.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { buryThree, replayedOnce } from "../support/ledger/replayed-once.ts";
import { ALL_SHOWN_MS, openDesk, YES } from "../support/taskiq/operators-desk.ts";

/**
 * Of three letters, two of them of one group, so that they go in two rounds: every request that
 * changes anything, in order.
 */
const REQUESTS = [
  "ReceiveMessage", // looks at the three, and hides them
  "ReceiveMessage", // there are no more
  "ChangeMessageVisibilityBatch", // holds them for longer
  "SendMessageBatch", // the first of each group
  "DeleteMessageBatch",
  "SendMessageBatch", // the second of the one group
  "DeleteMessageBatch",
];
const HARMLESS = ["GetQueueUrl", "GetQueueAttributes"];

describe("replay that is killed at a request to SQS", () => {
  test("replay makes exactly the requests to SQS that the tests kill it at", async (t) => {
    const desk = await openDesk(t);
    const buried = await buryThree(desk);
    const before = desk.server.requests.length;
    const { code, stderr } = await desk.replay();
    assert.equal(code, 0, stderr);
    const asked = desk.server.requests.slice(before).map(({ action }) => action);
    assert.deepEqual(
      asked.filter((action) => !HARMLESS.includes(action)),
      REQUESTS,
    );
    await replayedOnce(desk, buried, "deleted");
  });

  for (const [at, action] of REQUESTS.entries()) {
    const nth = REQUESTS.slice(0, at + 1).filter((other) => other === action).length;
    for (const effect of ["before", "after"] as const) {
      test(`replay killed ${effect} the effect of ${action} ${nth} loses no letter and sends none twice`, async (t) => {
        const desk = await openDesk(t);
        const buried = await buryThree(desk);
        const { child, ended } = desk.start(YES);
        let asked = 0;
        desk.server.faults.otherwise((other) => {
          if (other === action) asked += 1;
          if (other !== action || asked !== nth) return null;
          child.kill("SIGKILL");
          return { kind: "cut", effect };
        });
        assert.equal((await ended).signal, "SIGKILL");
        desk.server.faults.clear();
        await eventually("nothing asks any more", () => desk.server.underWay === 0);
        desk.clock.skip(ALL_SHOWN_MS);
        const again = await desk.replay();
        assert.equal(again.code, 0, again.stderr);
        const gone = action === "DeleteMessageBatch" && effect === "after";
        await replayedOnce(desk, buried, gone ? "deleted or gone" : "deleted");
      });
    }
  }
});
