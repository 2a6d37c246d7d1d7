// When a task is protected from scale-in and deploys, on a manual clock: asked in time, not too
// often, and never forever.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { TaskProtection } from "../../../../core/worker/protection/task-protection.ts";
import { ManualClock } from "../../../support/clocks/manual-clock.ts";
import { Observations } from "../../../support/observations.ts";
import { FakeAgent } from "../../../support/ports/fake-agent.ts";

const minute = 60_000;
const hour = 60 * minute;

function bench(t: TestContext, { maxMs = 2 * hour } = {}) {
  const clock = new ManualClock();
  const agent = new FakeAgent(clock);
  const logged = new Observations();
  const protection = new TaskProtection({ agent, clock, observe: logged.observe, chance: () => 0.5 }, maxMs);
  void protection.start();
  t.after(async () => {
    const stopping = protection.stop();
    await clock.advance(10_000);
    await stopping;
  });
  /** Begins a delivery whose step starts at once. Returns a function that ends it. */
  const begin = (): (() => void) => {
    protection.begin();
    return () => protection.end();
  };
  const runStep = async (ms: number) => {
    const end = begin();
    await clock.advance(ms);
    end();
  };
  return { clock, agent, logged, protection, begin, runStep };
}

test("protection is asked for when the first step starts, and dropped within a second after the last", async (t) => {
  const { clock, agent, begin } = bench(t);
  await clock.advance(3_000);
  const [first, second] = [begin(), begin()];
  await clock.advance(20_000);
  first();
  await clock.advance(20_000);
  assert.deepEqual(agent.asked, ["3000 protect 10"]);
  second();
  await clock.advance(1_000);
  assert.deepEqual(agent.asked, ["3000 protect 10", "43500 drop"]);
  await clock.advance(hour);
  assert.equal(agent.asked.length, 2);
});

test("protection is renewed while a step runs, at half its time", async (t) => {
  const { clock, agent, begin } = bench(t);
  const end = begin();
  await clock.advance(11 * minute);
  assert.deepEqual(agent.asked, ["0 protect 10", "300000 protect 10", "600000 protect 10"]);
  end();
});

test("a burst of steps is one protection", async (t) => {
  const { clock, agent, runStep } = bench(t);
  for (let i = 0; i < 100; i += 1) {
    await runStep(20);
    await clock.advance(30);
  }
  assert.deepEqual(agent.asked, ["0 protect 10"]);
});

test("steps that come every two seconds cost two calls in ten seconds", async (t) => {
  const { clock, agent, runStep } = bench(t);
  for (let i = 0; i < 30; i += 1) {
    await runStep(1_000);
    await clock.advance(1_000);
  }
  const protects = agent.asked.filter((line) => line.endsWith("protect 10"));
  assert.equal(protects.length, 6);
  assert.equal(agent.asked.length, 12);
  assert.equal(agent.minutes, null);
});

test("a long step soon after another is protected when the ten seconds are over", async (t) => {
  const { clock, agent, begin, runStep } = bench(t);
  await runStep(1_000);
  await clock.advance(2_000);
  const end = begin();
  await clock.advance(minute);
  assert.deepEqual(agent.asked, ["0 protect 10", "1500 drop", "10000 protect 10"]);
  end();
});

test("protection is dropped after the longest time without a pause, until the task has been idle", async (t) => {
  const { clock, agent, begin, logged } = bench(t, { maxMs: 12 * minute });
  const end = begin();
  await clock.advance(11 * minute);
  // The last renewal reaches no further than that time.
  assert.deepEqual(agent.asked, ["0 protect 10", "300000 protect 7"]);
  await clock.advance(hour);
  assert.deepEqual(agent.asked.slice(2), ["720000 drop"]);
  assert.deepEqual(logged.messages("protection.off"), [
    "a scale-in or a deploy may stop this task: it has been busy for 720 s without a pause",
  ]);
  end();
  await clock.advance(100);
  const after = begin();
  await clock.advance(minute);
  assert.equal(agent.asked.length, 3, "a moment between two steps is no pause");
  after();
  await clock.advance(600);
  const last = begin();
  await clock.advance(1);
  assert.match(agent.asked[3] ?? "", /protect 10$/);
  last();
});

test("many short steps without a pause are not protected forever either", async (t) => {
  const { clock, agent, runStep } = bench(t, { maxMs: minute });
  for (let i = 0; i < 900; i += 1) {
    await runStep(100);
    await clock.advance(100);
  }
  assert.deepEqual(agent.asked, ["0 protect 1", "60000 drop"]);
});

test("a stop drops protection at once though a step still runs", async (t) => {
  const { clock, agent, protection, begin } = bench(t);
  begin();
  await clock.advance(minute);
  protection.release();
  await clock.advance(1);
  assert.deepEqual(agent.asked, ["0 protect 10", "60000 drop"]);
  protection.resume();
  await clock.advance(1);
  assert.deepEqual(agent.asked.slice(2), ["60001 protect 10"]);
});

test("an agent that refuses is asked again with backoff, logged once, and stops nothing", async (t) => {
  const { clock, agent, logged, begin } = bench(t);
  agent.no = { kind: "refused", why: "TASK_NOT_VALID" };
  const end = begin();
  await clock.advance(10 * minute);
  assert.deepEqual(
    agent.asked.slice(0, 6).map((line) => Number.parseInt(line, 10)),
    [0, 750, 2_250, 5_250, 11_250, 23_250],
  );
  assert.ok(agent.asked.length < 25);
  assert.deepEqual(
    logged
      .of("protection.failed")
      .map(({ level }) => level)
      .slice(0, 3),
    ["warn", "debug", "debug"],
  );
  agent.no = null;
  await clock.advance(minute);
  assert.equal(agent.minutes, 10);
  end();
});

test("protection that may have been granted is dropped, too", async (t) => {
  const { clock, agent, runStep } = bench(t);
  agent.no = { kind: "unknown", why: "no answer" };
  await runStep(100);
  agent.no = null;
  await clock.advance(1_000);
  assert.deepEqual(agent.asked, ["0 protect 10", "600 drop"]);
});

test("protection that was refused is not dropped", async (t) => {
  const { clock, agent, runStep } = bench(t);
  agent.no = { kind: "refused", why: "throttled" };
  await runStep(100);
  await clock.advance(minute);
  assert.deepEqual(agent.asked, ["0 protect 10"]);
});

test("a drop of protection that fails is tried again until the protection has run out", async (t) => {
  const { clock, agent, runStep } = bench(t);
  await runStep(1_000);
  agent.no = { kind: "unknown", why: "no answer" };
  await clock.advance(hour);
  const drops = agent.asked.slice(1).map((line) => Number.parseInt(line, 10));
  assert.deepEqual(drops.slice(0, 3), [1_500, 2_250, 3_750]);
  assert.ok((drops.at(-1) ?? 0) < 12 * minute && drops.length > 10, String(drops));
});

test("a stop waits a second for the last drop, no longer", async (t) => {
  const { clock, agent, protection, begin } = bench(t);
  begin();
  await clock.advance(minute);
  agent.takesMs = hour;
  let over = false;
  void protection.stop().then(() => {
    over = true;
  });
  await clock.advance(999);
  assert.equal(over, false);
  await clock.advance(1);
  assert.equal(over, true);
});
