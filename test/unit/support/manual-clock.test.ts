// The manual clock itself: a simulation on top of it is only as true as its order of wakes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

test("the manual clock stands until it is advanced", async () => {
  const clock = new ManualClock(5_000);
  assert.deepEqual([clock.wallMs(), clock.monoMs()], [5_000, 0]);
  await clock.advance(7);
  assert.deepEqual([clock.wallMs(), clock.monoMs()], [5_007, 7]);
});

test("sleepers wake in the order of their instants, ties in the order they fell asleep, each at its own instant", async () => {
  const clock = new ManualClock();
  const woken: string[] = [];
  const sleep = (name: string, ms: number) => clock.sleep(ms).then(() => woken.push(`${name}@${clock.monoMs()}`));
  void sleep("late", 30);
  void sleep("tie-1", 20);
  void sleep("early", 10);
  void sleep("tie-2", 20);
  void sleep("beyond", 31);
  await clock.advance(30);
  assert.deepEqual(woken, ["early@10", "tie-1@20", "tie-2@20", "late@30"]);
  assert.equal(clock.sleeping, 1);
});

test("a sleeper that falls asleep while time moves is woken on the way, before later ones", async () => {
  const clock = new ManualClock();
  const woken: string[] = [];
  const loop = async () => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10);
      woken.push(`loop@${clock.monoMs()}`);
    }
  };
  void loop();
  void clock.sleep(25).then(() => woken.push(`other@${clock.monoMs()}`));
  await clock.advance(100);
  assert.deepEqual(woken, ["loop@10", "loop@20", "other@25", "loop@30"]);
});

test("a long chain of promises runs to its end between two wakes", async () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  const chain = async () => {
    await clock.sleep(1);
    for (let i = 0; i < 500; i++) await null;
    seen.push(`chain@${clock.monoMs()}`);
  };
  void chain();
  void clock.sleep(2).then(() => seen.push("next"));
  await clock.advance(2);
  assert.deepEqual(seen, ["chain@1", "next"]);
});

test("the work that the last wake set off has run when advance resolves", async () => {
  const clock = new ManualClock();
  let done = false;
  void clock.sleep(5).then(async () => {
    await null;
    done = true;
  });
  await clock.advance(5);
  assert.equal(done, true);
});

test("a sleep of 0 ms wakes with the next advance, also one by 0 ms", async () => {
  const clock = new ManualClock();
  let woken = 0;
  for (const ms of [0, -5]) void clock.sleep(ms).then(() => woken++);
  assert.equal(clock.sleeping, 2);
  await clock.advance(0);
  assert.equal(woken, 2);
  assert.equal(clock.monoMs(), 0);
});

test("an abort ends its sleep at once and leaves the others asleep", async () => {
  const clock = new ManualClock();
  const stopping = new AbortController();
  let other = false;
  const aborted = clock.sleep(10, stopping.signal);
  void clock.sleep(10).then(() => (other = true));
  stopping.abort();
  await aborted;
  await clock.sleep(10, stopping.signal);
  assert.deepEqual([clock.sleeping, other], [1, false]);
  await clock.advance(10);
  assert.deepEqual([clock.sleeping, other], [0, true]);
});

test("an abort after the wake leaves the other sleepers asleep", async () => {
  const clock = new ManualClock();
  const stopping = new AbortController();
  void clock.sleep(1, stopping.signal);
  void clock.sleep(5);
  await clock.advance(1);
  stopping.abort();
  assert.equal(clock.sleeping, 1);
});

test("advanceToNext goes to the next wake-up and no further, and nowhere without a sleeper", async () => {
  const clock = new ManualClock();
  void clock.sleep(40);
  void clock.sleep(70);
  assert.equal(await clock.advanceToNext(), true);
  assert.deepEqual([clock.monoMs(), clock.sleeping], [40, 1]);
  assert.equal(await clock.advanceToNext(), true);
  assert.equal(await clock.advanceToNext(), false);
  assert.equal(clock.monoMs(), 70);
});

test("a step of the wall clock wakes no sleeper and leaves durations alone", async () => {
  const clock = new ManualClock(1_000);
  void clock.sleep(10);
  clock.stepWall(-500);
  assert.deepEqual([clock.wallMs(), clock.monoMs(), clock.sleeping], [500, 0, 1]);
  await clock.advance(10);
  assert.deepEqual([clock.wallMs(), clock.sleeping], [510, 0]);
});

test("a loop that sleeps for 0 ms is an error instead of running forever", async () => {
  const clock = new ManualClock();
  const stopping = new AbortController();
  const spin = async () => {
    while (!stopping.signal.aborted) await clock.sleep(0, stopping.signal);
  };
  const spinning = spin();
  await assert.rejects(clock.advance(1), {
    name: "Error",
    message: "10000 sleepers woke at 0 ms: something sleeps for 0 ms in a loop",
  });
  stopping.abort();
  await spinning;
});

for (const ms of [-1, Number.NaN]) {
  test(`the manual clock cannot be advanced by ${ms}`, async () => {
    await assert.rejects(new ManualClock().advance(ms), {
      name: "RangeError",
      message: `expected ms to be zero or more, got ${ms}`,
    });
  });
}
