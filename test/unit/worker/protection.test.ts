// What a worker's own stages mean for its task's protection.
import assert from "node:assert/strict";
import { test } from "node:test";
import { succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

test("a worker is protected from the start of a step to its end, except while it is quiet", async (t) => {
  const { clock, queue, runner, worker, agent } = bench(t, {}, { protectMs: 3_600_000 });
  runner.scripts.set("load", async (step) => {
    await clock.sleep(60_000);
    return await succeeds(step);
  });
  await clock.advance(5_000);
  assert.deepEqual(agent.asked, []);
  queue.offer(message("load", { body: bodyFor("load") }));
  await clock.advance(20_000);
  assert.deepEqual(agent.asked, ["5000 protect 10"]);
  worker.quiet("ada@laptop");
  await clock.advance(5_000);
  worker.resume("ada@laptop");
  await clock.advance(40_000);
  assert.deepEqual(agent.asked.slice(1), ["25000 drop", "30000 protect 10", "65500 drop"]);
  assert.deepEqual(queue.acked, ["load#1"]);
});

test("a worker that stops is not protected any more, though a step still runs", async (t) => {
  const { clock, queue, runner, worker, agent, isOver } = bench(t, {}, { protectMs: 3_600_000 });
  runner.scripts.set("load", async (step) => {
    await clock.sleep(60_000);
    return await succeeds(step);
  });
  queue.offer(message("load", { body: bodyFor("load") }));
  await clock.advance(10_000);
  worker.stop(120_000);
  await clock.advance(1);
  assert.deepEqual(agent.asked, ["0 protect 10", "10000 drop"]);
  // A request for quiet that comes then, and is taken back, changes nothing.
  worker.quiet("ada@laptop");
  worker.resume("ada@laptop");
  await clock.advance(20_000);
  assert.deepEqual(agent.asked, ["0 protect 10", "10000 drop"]);
  await clock.advance(60_000);
  assert.equal(isOver(), true);
});
