// The monotonic clock: a machine that was suspended has grown older.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { countSuspended, systemClock } from "../../core/clock.ts";

/**
 * A machine: awake time passes on both clocks, suspended time on one. The uptime is counted in
 * hundredths of a second.
 */
function machine() {
  let [awakeMs, suspendedMs, wallMs] = [0.25, 3_161_620, 1_790_000_000_000];
  let uptimesRead = 0;
  const uptime = () => {
    uptimesRead += 1;
    return Math.floor((awakeMs + suspendedMs) / 10) * 10;
  };
  const wall = () => Math.floor(wallMs + awakeMs + suspendedMs);
  return {
    clock: countSuspended(() => awakeMs, uptime, wall),
    uptimesRead: () => uptimesRead,
    setWall: (ms: number) => {
      wallMs += ms;
    },
    work: (ms: number) => {
      awakeMs += ms;
    },
    suspend: (ms: number) => {
      suspendedMs += ms;
    },
  };
}

describe("the monotonic clock", () => {
  test("the monotonic clock counts the time that the machine was suspended", () => {
    const { clock, work, suspend } = machine();
    const startMs = clock();
    work(1_000);
    suspend(3_600_000);
    work(1_000);
    assert.ok(Math.abs(clock() - startMs - 3_602_000) <= 20, `${clock() - startMs}`);
  });

  test("the monotonic clock is as fine as Node's own while the machine is not suspended", () => {
    const { clock, work } = machine();
    const startMs = clock();
    for (let i = 1; i <= 1_000; i += 1) {
      work(0.7);
      assert.ok(Math.abs(clock() - startMs - i * 0.7) < 0.001);
    }
  });

  test("the monotonic clock rarely reads the uptime, which is a file, and ignores steps of the wall clock", () => {
    const { clock, work, setWall, uptimesRead } = machine();
    const startMs = clock();
    const readBefore = uptimesRead();
    for (let i = 0; i < 1_000; i += 1) {
      work(1);
      clock();
    }
    assert.equal(uptimesRead(), readBefore);
    for (const ms of [3_600_000, -7_200_000, 3]) {
      setWall(ms);
      work(1_000);
      clock();
    }
    assert.ok(Math.abs(clock() - startMs - 4_000) < 0.001);
    assert.equal(uptimesRead(), readBefore + 2);
  });

  test("the monotonic clock never goes back, and is off by at most the uptime's and the wall clock's grain", () => {
    const step = fc.record({ worked: fc.integer({ min: 0, max: 500 }), suspended: fc.integer({ min: 0, max: 100 }) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { clock, work, suspend } = machine();
        const startMs = clock();
        let [lastMs, passedMs] = [startMs, 0];
        for (const { worked, suspended } of steps) {
          work(worked);
          suspend(suspended);
          passedMs += worked + suspended;
          const nowMs = clock();
          assert.ok(nowMs >= lastMs);
          assert.ok(Math.abs(nowMs - startMs - passedMs) <= 36, `${nowMs - startMs} after ${passedMs}`);
          lastMs = nowMs;
        }
      }),
    );
  });

  test("the monotonic clock does not wake at once from a sleep that is longer than any timer", async () => {
    const over = new AbortController();
    for (const ms of [2 ** 31, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
      const slept = systemClock.sleep(ms, over.signal).then(() => "slept");
      assert.equal(await Promise.race([slept, systemClock.sleep(20).then(() => "still asleep")]), "still asleep");
    }
    over.abort();
  });

  test("the monotonic clock goes as fast as Node's own", async () => {
    const [ours, nodes] = [systemClock.monoMs(), performance.now()];
    await systemClock.sleep(30);
    const [ourMs, nodeMs] = [systemClock.monoMs() - ours, performance.now() - nodes];
    assert.ok(ourMs >= 29 && Math.abs(ourMs - nodeMs) < 25, `${ourMs} against ${nodeMs}`);
  });
});
