// A bug in any loop of the worker is logged once as `worker.bug`, and the worker stops gracefully.
// `taskiq run` then exits with 1.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { faults, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const bug = (): never => {
  throw new TypeError("cannot read properties of undefined");
};
const about = (step: string) => message(step, { body: bodyFor(step) });
const everySecond = { sweepMs: 1_000, quietMs: 1_000, pruneMs: 1_000 };

/** Each breaks what a loop asks, and returns once the loop has met it. */
const loops: readonly (readonly [string, (t: TestContext) => Promise<ReturnType<typeof bench>>])[] = [
  [
    "intake",
    async (t) => {
      const world = bench(t);
      await world.clock.advance(1_000);
      world.runner.unavailable = bug;
      await world.clock.advance(20_000);
      return world;
    },
  ],
  [
    "sweep",
    async (t) => {
      const world = bench(t, everySecond);
      world.queue.deadLetters = async () => bug();
      await world.clock.advance(2_000);
      return world;
    },
  ],
  [
    "pruning",
    async (t) => {
      const world = bench(t, everySecond);
      world.queue.describe = async () => bug();
      await world.clock.advance(2_000);
      return world;
    },
  ],
  [
    "quiet requests",
    async (t) => {
      const world = bench(t, everySecond);
      world.ledger.quiet.requests = async () => bug();
      await world.clock.advance(2_000);
      return world;
    },
  ],
  [
    "task protection",
    async (t) => {
      const world = bench(t, {}, { protectMs: 60_000 });
      world.agent.protect = async () => bug();
      world.runner.scripts.set("load", async (step) => {
        await world.clock.sleep(5_000);
        return await succeeds(step);
      });
      world.queue.offer(about("load"));
      await world.clock.advance(2_000);
      return world;
    },
  ],
  [
    "circuit",
    async (t) => {
      const world = bench(t);
      world.runner.scripts.set("load", faults("instance"));
      world.runner.onNotice = async () => false;
      world.runner.onProbe = async () => bug();
      world.queue.offer(about("load"));
      await world.clock.advance(10_000);
      return world;
    },
  ],
  [
    "notices",
    async (t) => {
      const world = bench(t);
      world.runner.scripts.set("load", faults("step"));
      world.runner.onNotice = async () => bug();
      world.queue.offer(about("load"));
      await world.clock.advance(1_000);
      return world;
    },
  ],
];

describe("a bug in a loop is logged once with its stack, and the worker stops", () => {
  for (const [where, breakIt] of loops) {
    test(`a bug in the loop "${where}" is logged once with its stack, and the worker stops`, async (t) => {
      const { clock, logged, isOver } = await breakIt(t);
      const messages = logged.messages("worker.bug");
      assert.equal(messages.length, 1);
      assert.match(
        messages[0] ?? "",
        new RegExp(`^bug in taskiq \\(${where}\\), .*: TypeError: cannot read .*\\n +at `),
      );
      await clock.advance(120_000);
      assert.equal(isOver(), true);
    });
  }
});
