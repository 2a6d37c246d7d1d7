// Measuring requests: each is recorded once, with its time and its failure, and its answer is
// passed on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { measureLedger, measureQueue } from "../../../core/metrics/watched-ports.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { FakeQueue } from "../../support/ports/fake-queue.ts";
import { Measurements } from "../../support/ports/measurements.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";

/** What the queue's metric carries besides the operation and the error. */
const place = { "messaging.destination.name": "steps", "messaging.system": "aws_sqs" };

test("a request to SQS is recorded with its time, and its answer is passed on", async () => {
  const clock = new ManualClock();
  const meter = new Measurements();
  const inner = new FakeQueue(clock);
  inner.onAck = async () => {
    await clock.advance(250);
    return ["gone"];
  };
  const queue = measureQueue(inner, "steps", { meter, clock });
  assert.deepEqual(await queue.ack(["r-1"]), ["gone"]);
  const labels = { "messaging.operation.name": "delete", ...place, "error.type": "" };
  assert.deepEqual(meter.records, [["messaging.client.operation.duration", 0.25, labels]]);
});

test("a request that fails is recorded with the fault's code, and rejects with the fault", async () => {
  const clock = new ManualClock();
  const meter = new Measurements();
  const inner = new FakeQueue(clock);
  const fault = new Fault("TQ_QUEUE", "no network");
  inner.onReceive = () => Promise.reject(fault);
  const queue = measureQueue(inner, "steps", { meter, clock });
  await assert.rejects(queue.receive({ max: 1, waitMs: 0, visibilityMs: 1_000 }), fault);
  const labels = { "messaging.operation.name": "receive", ...place, "error.type": "TQ_QUEUE" };
  assert.deepEqual(meter.records, [["messaging.client.operation.duration", 0, labels]]);
});

test("requests to the ledger are recorded by their names", async () => {
  const clock = new ManualClock();
  const meter = new Measurements();
  const ledger = measureLedger(new MemoryLedger({ clock, writeBoundMs: 1_000 }), { meter, clock });
  const hold = { key: "no such row", fence: 1 };
  assert.equal(await ledger.permit(hold, 1_000), "refused");
  assert.deepEqual(await ledger.renew([hold], 1_000), [false]);
  assert.equal(await ledger.abandon(hold, { giveStartBack: false }), "stale");
  await ledger.ping();
  assert.deepEqual(
    meter.records.map(([name, , labels]) => [name, labels]),
    ["permit", "renew", "abandon", "ping"].map((operation) => ["taskiq.ledger.operation", { operation, error: "" }]),
  );
});
