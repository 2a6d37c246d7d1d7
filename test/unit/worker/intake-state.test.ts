// What the status page shows of a worker's intake, beside the snapshot.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { bench } from "./setup.ts";

const others = [{ name: "https://sqs.eu-west-1.amazonaws.com/1/bulk.fifo", weight: null, most: 2 }];

test("the state of the intake has each queue by its name alone, with its share of the slots", async (t) => {
  const { clock, worker } = bench(t, {}, { others });
  await clock.advance(1_000);
  const plain = { busy: 0, received: 0, receiving: true, failing: null, quiet: [] };
  assert.deepEqual(worker.intakeState(), {
    outages: [],
    queues: [
      { name: "steps", most: 4, ...plain },
      { name: "bulk.fifo", most: 2, ...plain },
    ],
  });
});

test("the state of a queue says why its receives fail, and apart from that who asked it to be quiet", async (t) => {
  const { clock, worker, others: fakes } = bench(t, {}, { others });
  const [bulk] = fakes;
  assert.ok(bulk !== undefined);
  bulk.onReceive = () => Promise.reject(new Fault("TQ_QUEUE_DENIED", "AWS does not allow ReceiveMessage"));
  await clock.advance(1_000);
  worker.quiet("ada@laptop");
  const [steps, failing] = worker.intakeState().queues;
  assert.deepEqual([steps?.failing, failing?.failing], [null, "AWS does not allow ReceiveMessage"]);
  assert.deepEqual(
    [steps, failing].map((queue) => queue?.quiet.map(({ by, queue: asked }) => [by, asked])),
    [[["ada@laptop", null]], [["ada@laptop", null]]],
  );
});

test("the outages of the intake name the dependency that is down", async (t) => {
  const { clock, worker, runner } = bench(t);
  runner.down = "the step host ended (signal SIGKILL)";
  await clock.advance(1_000);
  assert.deepEqual(worker.intakeState().outages, [{ cause: "host", why: "the step host ended (signal SIGKILL)" }]);
});
