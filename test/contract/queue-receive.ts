// Receiving: what a message carries, how long it is hidden, when it comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aMessage, type MakeQueue, receiveAll, receiveNext, receiveOne } from "./queue-setup.ts";

export function receiveContract(make: MakeQueue, fifo: boolean): void {
  test("a message arrives as it was sent", async (t) => {
    const { queue, send } = await make(t, { fifo });
    const attributes = {
      text: { dataType: "String", stringValue: "zwölf" },
      number: { dataType: "Number", stringValue: "12" },
      bytes: { dataType: "Binary.gzip", binaryValue: new Uint8Array([0, 255, 1]) },
    };
    const body = '{"weiß":\t"\\u0000 ünïcode"}\r\n';
    const message = { ...aMessage(fifo, body), attributes };
    const id = await send(message);
    const received = await receiveOne(queue);
    assert.deepEqual(
      { id: received.id, body: received.body, group: received.groupId, deduplication: received.deduplicationId },
      { id, body, group: message.groupId ?? null, deduplication: message.deduplicationId ?? null },
    );
    assert.equal(received.receiveCount, 1);
    assert.ok(received.firstReceivedAtMs >= received.sentAtMs && received.sentAtMs > 1_600_000_000_000);
    assert.deepEqual({ ...received.attributes }, attributes);
  });

  test("an empty queue gives nothing", async (t) => {
    const { queue } = await make(t, { fifo });
    assert.deepEqual(await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 }), []);
  });

  test("a long poll ends with the message that comes while it waits", async (t) => {
    const { queue, send } = await make(t, { fifo });
    const polling = queue.receive({ max: 10, waitMs: 20_000, visibilityMs: 30_000 });
    const id = await send(aMessage(fifo));
    assert.deepEqual(
      (await polling).map((message) => message.id),
      [id],
    );
  });

  test("a receive hands out no more messages than asked for", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (const group of ["a", "b", "c"]) await send(aMessage(fifo, "body", group));
    assert.equal((await queue.receive({ max: 2, waitMs: 0, visibilityMs: 30_000 })).length, 2);
    assert.equal((await receiveAll(queue)).length, 1);
  });

  test("a received message is hidden", async (t) => {
    const { queue, send, inspect } = await make(t, { fifo });
    await send(aMessage(fifo));
    await receiveOne(queue);
    assert.deepEqual(await receiveAll(queue), []);
    assert.deepEqual(
      (await inspect()).map((message) => message.state),
      ["in_flight"],
    );
  });

  test("a message comes back when its visibility ends, as another receive of the same message", async (t) => {
    const { queue, send } = await make(t, { fifo });
    await send(aMessage(fifo));
    const first = await receiveOne(queue, 1_000);
    const second = await receiveNext(queue);
    assert.equal(second.id, first.id);
    assert.notEqual(second.receipt, first.receipt);
    assert.equal(second.receiveCount, 2);
    assert.equal(second.firstReceivedAtMs, first.firstReceivedAtMs);
  });

  test("a message received more often than the redrive policy allows goes to the dead letter queue", async (t) => {
    const { queue, send, inspect, inspectDeadLetters } = await make(t, { fifo, maxReceiveCount: 2 });
    const id = await send(aMessage(fifo, "poison"));
    for (const receiveCount of [1, 2]) {
      const message = await receiveOne(queue);
      assert.equal(message.receiveCount, receiveCount);
      await queue.extend([{ receipt: message.receipt, visibilityMs: 0 }]);
    }
    assert.deepEqual(await receiveAll(queue), []);
    assert.deepEqual(await inspect(), []);
    assert.deepEqual(
      (await inspectDeadLetters()).map((message) => [message.id, message.body, message.state]),
      [[id, "poison", "visible"]],
    );
  });

  test("the depth counts visible messages and messages in flight", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (const group of ["a", "b", "c"]) await send(aMessage(fifo, "body", group));
    await queue.receive({ max: 1, waitMs: 0, visibilityMs: 30_000 });
    assert.deepEqual(await queue.depth(), { visible: 2, inFlight: 1, delayed: 0 });
  });
}
