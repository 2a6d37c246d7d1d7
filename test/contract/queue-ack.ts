// Acking: the message is deleted, and nothing else is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aMessage, type MakeQueue, receiveAll, receiveOne } from "./queue-setup.ts";

export function ackContract(make: MakeQueue, fifo: boolean): void {
  test("an ack of no receipts answers nothing", async (t) => {
    const { queue } = await make(t, { fifo });
    assert.deepEqual(await queue.ack([]), []);
  });

  test("an acked message is deleted", async (t) => {
    const { queue, send, inspect } = await make(t, { fifo });
    await send(aMessage(fifo));
    assert.deepEqual(await queue.ack([(await receiveOne(queue)).receipt]), ["done"]);
    assert.deepEqual(await inspect(), []);
  });

  test("a second ack of a message is harmless", async (t) => {
    const { queue, send, inspect } = await make(t, { fifo });
    await send(aMessage(fifo));
    const { receipt } = await receiveOne(queue);
    await queue.ack([receipt]);
    const [again] = await queue.ack([receipt]);
    assert.match(String(again), /^(done|gone)$/);
    assert.deepEqual(await inspect(), []);
  });

  test("an ack of more receipts than a batch holds deletes those messages and no others", async (t) => {
    const { queue, send, inspect } = await make(t, { fifo });
    for (let i = 0; i < 24; i += 1) await send(aMessage(fifo, `${i}`, `g${i}`));
    const [spared, ...others] = await receiveAll(queue);
    const results = await queue.ack(others.map((message) => message.receipt));
    assert.deepEqual(results, Array(23).fill("done"));
    assert.deepEqual(
      (await inspect()).map((message) => message.id),
      [spared?.id],
    );
  });
}
