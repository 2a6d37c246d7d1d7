// Operators' commands on a machine whose clock is an hour off: AWS refuses their first requests,
// and says what time it is.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buryThree, replayedOnce } from "../support/ledger/replayed-once.ts";
import { openDesk } from "../support/taskiq/operators-desk.ts";

const HOUR_MS = 3_600_000;

describe("inspect-dlq and replay", () => {
  const rows: readonly [string, number][] = [
    ["SignatureDoesNotMatch", HOUR_MS],
    ["RequestExpired", HOUR_MS],
    ["InvalidSignatureException", -HOUR_MS],
  ];
  for (const [timeCode, aheadMs] of rows) {
    test(`inspect-dlq and replay learn AWS's time from ${timeCode}, and go on without a warning`, async (t) => {
      const desk = await openDesk(t, { sqs: { aheadMs, timeCode } });
      const buried = await buryThree(desk);
      const looked = await desk.start(["inspect-dlq", "--json"]).ended;
      assert.equal(looked.code, 0, looked.stderr);
      assert.equal(looked.stdout.split("\n").length, 4);
      const { code, printed, stderr } = await desk.replay();
      assert.deepEqual([code, printed.map(({ end }) => end)], [0, ["sent", "sent", "sent"]], stderr);
      assert.doesNotMatch(looked.stderr + stderr, /credential|machine's time/);
      await replayedOnce(desk, buried, "deleted");
    });
  }

  for (const code of ["RequestExpired", "RequestTimeTooSkewed"]) {
    test(`inspect-dlq and replay name the clock when ${code} stays`, async (t) => {
      const desk = await openDesk(t);
      await buryThree(desk);
      desk.server.faults.otherwise(() => ({ kind: "refuse", code, status: 403 }));
      for (const args of [["inspect-dlq"], ["replay"]]) {
        const ended = await desk.start(args).ended;
        assert.equal(ended.code, 3, ended.stderr);
        assert.match(
          ended.stderr,
          /AWS does not accept this machine's time in \w+ on the queue .*\(TQ_CREDENTIALS_REFUSED\)/,
        );
        assert.match(ended.stderr, /Set the clock: AWS accepts five minutes of difference\./);
      }
      desk.server.faults.otherwise(() => null);
    });
  }
});
