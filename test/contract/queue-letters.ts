// Looking through the dead letter queue: it is a queue of its own, whose burials go to itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import type { DeadLetterQueue } from "../../core/queue/port.ts";
import { aMessage, aReason, type MakeQueue, type QueueSetup, receiveAll, receiveOne } from "./queue-setup.ts";

export function letterContract(make: MakeQueue, fifo: boolean): void {
  test("a queue without a dead letter queue has none", async (t) => {
    const { queue } = await make(t, { fifo, maxReceiveCount: null });
    assert.equal(await queue.deadLetters(), null);
  });

  test("a message that SQS moved keeps its id and body, and names its source queue if the server does", async (t) => {
    const made = await make(t, { fifo, maxReceiveCount: 1 });
    const { letters, id } = await movedBySqs(made, fifo);
    const { url, redrives, retentionMs } = letters;
    // Four days, the default of SQS.
    assert.deepEqual([url, redrives, retentionMs], [(await made.queue.describe()).deadLetterUrl, false, 345_600_000]);
    assert.deepEqual((await letters.depth()).visible, 1);
    const letter = await receiveOne(letters);
    assert.deepEqual([letter.id, letter.body, readNote(letter)], [id, "body", null]);
    assert.equal(letters.isMoved(letter), true);
    const theirs = { ...letter, movedFrom: "arn:aws:sqs:us-east-1:000000000000:theirs" };
    assert.equal(letters.isMoved(theirs), false);
  });

  test("a dead letter that was looked at is given back as it was found", async (t) => {
    const { letters, id } = await movedBySqs(await make(t, { fifo, maxReceiveCount: 1 }), fifo);
    const letter = await receiveOne(letters);
    assert.deepEqual(await receiveAll(letters), []);
    assert.deepEqual(await letters.extend([{ receipt: letter.receipt, visibilityMs: 0 }]), ["done"]);
    assert.equal((await receiveOne(letters)).id, id);
  });

  test("a buried dead letter gets a copy with the reason, and an ack deletes only the original", async (t) => {
    const made = await make(t, { fifo, maxReceiveCount: 1 });
    const { letters, id } = await movedBySqs(made, fifo);
    const letter = await receiveOne(letters);
    await letters.bury(letter, aReason, "id");
    assert.equal((await made.inspectDeadLetters()).length, 2);
    assert.deepEqual(await letters.ack([letter.receipt]), ["done"]);
    const [copy, ...others] = await made.inspectDeadLetters();
    assert.ok(copy !== undefined && others.length === 0);
    assert.equal(copy.body, "body");
    assert.equal(letters.isMoved(await receiveOne(letters)), false);
    const note = readNote(copy);
    assert.deepEqual([note?.reason, note?.message_id], [aReason.reason, id]);
    assert.equal(note?.source_queue, (await made.queue.describe()).url);
    assert.deepEqual(await made.inspect(), []);
  });
}

async function movedBySqs(
  { queue, send }: QueueSetup,
  fifo: boolean,
): Promise<{ readonly letters: DeadLetterQueue; readonly id: string }> {
  const id = await send(aMessage(fifo));
  const { receipt } = await receiveOne(queue);
  await queue.extend([{ receipt, visibilityMs: 0 }]);
  assert.deepEqual(await receiveAll(queue), []);
  const letters = await queue.deadLetters();
  assert.ok(letters !== null);
  return { letters, id };
}
