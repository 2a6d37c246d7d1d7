// Extending: hidden for longer, visible at once, and receipts that are good no more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aMessage, type MakeQueue, receiveAll, receiveNext, receiveOne } from "./queue-setup.ts";

export function extendContract(make: MakeQueue, fifo: boolean): void {
  test("an extension of no messages answers nothing", async (t) => {
    const { queue } = await make(t, { fifo });
    assert.deepEqual(await queue.extend([]), []);
  });

  test("an extension by zero gives a message back at once", async (t) => {
    const { queue, send } = await make(t, { fifo });
    await send(aMessage(fifo));
    const first = await receiveOne(queue);
    assert.deepEqual(await queue.extend([{ receipt: first.receipt, visibilityMs: 0 }]), ["done"]);
    const second = await receiveOne(queue);
    assert.deepEqual([second.id, second.receiveCount], [first.id, 2]);
  });

  test("an extended message outlasts one that was received later and not extended", async (t) => {
    const { queue, send } = await make(t, { fifo });
    await send(aMessage(fifo, "extended", "a"));
    const extended = await receiveOne(queue, 3_000);
    assert.deepEqual(await queue.extend([{ receipt: extended.receipt, visibilityMs: 60_000 }]), ["done"]);
    await send(aMessage(fifo, "left alone", "b"));
    await receiveOne(queue, 3_000);
    assert.equal((await receiveNext(queue)).body, "left alone");
    assert.deepEqual(await receiveAll(queue), []);
  });

  test("a shorter visibility counts from the call", async (t) => {
    const { queue, send } = await make(t, { fifo });
    await send(aMessage(fifo));
    const { id, receipt } = await receiveOne(queue, 3_600_000);
    await queue.extend([{ receipt, visibilityMs: 1_000 }]);
    assert.equal((await receiveNext(queue)).id, id);
  });

  test("a receipt from before a redelivery is gone", async (t) => {
    const { queue, send } = await make(t, { fifo });
    await send(aMessage(fifo));
    const first = await receiveOne(queue, 1_000);
    const second = await receiveNext(queue);
    assert.deepEqual(await queue.extend([{ receipt: first.receipt, visibilityMs: 0 }]), ["gone"]);
    assert.deepEqual(await queue.extend([{ receipt: second.receipt, visibilityMs: 0 }]), ["done"]);
  });

  test("the receipt of an acked message is gone", async (t) => {
    const { queue, send } = await make(t, { fifo });
    await send(aMessage(fifo));
    const { receipt } = await receiveOne(queue);
    await queue.ack([receipt]);
    assert.deepEqual(await queue.extend([{ receipt, visibilityMs: 30_000 }]), ["gone"]);
  });

  test("each of many extensions has its own answer, in order", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (let i = 0; i < 23; i += 1) await send(aMessage(fifo, `${i}`, `g${i}`));
    const receipts = (await receiveAll(queue)).map((message) => message.receipt);
    assert.equal(receipts.length, 23);
    const gone = new Set([0, 9, 10, 22]);
    await queue.ack(receipts.filter((_, i) => gone.has(i)));
    assert.deepEqual(
      await queue.extend(receipts.map((receipt) => ({ receipt, visibilityMs: 60_000 }))),
      receipts.map((_, i) => (gone.has(i) ? "gone" : "done")),
    );
  });
}
