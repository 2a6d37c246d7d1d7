// Names that no index of Postgres holds, sent to a whole worker: each is buried, the intake stays
// open, and other steps run.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Bugs } from "../../core/bugs.ts";
import { systemClock } from "../../core/clock.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import { Worker } from "../../core/worker/worker.ts";
import { eventually } from "../support/eventually.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { Observations } from "../support/observations.ts";
import { FakeQueue } from "../support/ports/fake-queue.ts";
import { FakeRunner } from "../support/ports/fake-runner.ts";
import { bodyFor, message } from "../support/sqs/messages.ts";

const databases = await ledgerDatabases();
const noise = (bytes: number) => randomBytes(bytes).toString("hex").slice(0, bytes);

test("twenty messages with names that no index row holds are buried, and a good one beside them runs", async (t) => {
  const ledger = await (await databases.make(t)).open();
  const [queue, runner, logged] = [new FakeQueue(systemClock), new FakeRunner(), new Observations()];
  runner.down = null;
  const hostile = Array.from({ length: 20 }, (_, i) => {
    const names = i % 2 === 0 ? { run_id: noise(3_000) } : { step_key: noise(3_000) };
    return message(`m${i}`, { body: bodyFor("load", names) });
  });
  queue.offer(...hostile, message("good", { body: bodyFor("load") }));
  const { observe } = logged;
  const common = { clock: systemClock, observe, bugs: new Bugs(observe), chance: Math.random };
  const worker = new Worker(
    { queues: [{ queue, name: "steps", weight: null, most: null }], ledger, runner, ...common },
    {
      worker: "worker-a",
      concurrency: 4,
      leaseMs: 60_000,
      waitMs: 1_000,
      policy: defaultPolicy,
      sweepMs: null,
      quietMs: null,
      pruneMs: null,
    },
  );
  const running = worker.run();
  t.after(async () => {
    worker.stop(0);
    await running;
  });
  await eventually("all have ended", () => worker.snapshot().received === 21 && worker.snapshot().underWay === 0);
  assert.deepEqual(worker.snapshot().ended, { acked: 1, buried: 20, released: 0, lost: 0 });
  assert.deepEqual(new Set(queue.buried.map(({ reason }) => reason.reason)), new Set(["malformed"]));
  assert.deepEqual(logged.messages("intake.closed"), []);
  assert.deepEqual(
    (await ledger.list({ limit: 30 })).map(({ key, state }) => [key, state]),
    [["run-1:load", "completed"]],
  );
});
