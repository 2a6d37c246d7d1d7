// What a FIFO queue adds: order within a group, groups that wait, duplicates that are dropped,
// receipts that end with their visibility.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import type { Queue } from "../../core/queue/port.ts";
import { aMessage, aReason, type MakeQueue, receiveAll, receiveNext, receiveOne } from "./queue-setup.ts";

export function fifoContract(make: MakeQueue): void {
  const fifo = true;

  test("a group's messages come in the order they were sent", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (const body of ["a1", "b1", "a2", "b2", "a3"]) await send(aMessage(fifo, body, body.slice(0, 1)));
    const bodies = await workThrough(queue);
    assert.deepEqual(
      bodies.filter((body) => body.startsWith("a")),
      ["a1", "a2", "a3"],
    );
    assert.deepEqual(
      bodies.filter((body) => body.startsWith("b")),
      ["b1", "b2"],
    );
  });

  test("a group with its head in flight gives nothing, other groups do", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (const body of ["a1", "a2", "b1"]) await send(aMessage(fifo, body, body.slice(0, 1)));
    const head = await receiveOne(queue);
    assert.equal(head.body, "a1");
    assert.deepEqual(await bodiesOf(queue), ["b1"]);
    assert.deepEqual(await bodiesOf(queue), []);
    await queue.ack([head.receipt]);
    assert.deepEqual(await bodiesOf(queue), ["a2"]);
  });

  test("a released head comes back before what follows it", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (const body of ["a1", "a2"]) await send(aMessage(fifo, body, "a"));
    const head = await receiveOne(queue);
    await queue.extend([{ receipt: head.receipt, visibilityMs: 0 }]);
    assert.equal((await receiveOne(queue)).body, "a1");
  });

  // How a head that goes back with a backoff keeps what follows it, which is given back at once,
  // from overtaking.
  test("a head that is hidden for longer than what follows it keeps that waiting", async (t) => {
    const { queue, send } = await make(t, { fifo });
    for (const body of ["a1", "a2", "b1"]) await send(aMessage(fifo, body, body.slice(0, 1)));
    const received = (await receiveAll(queue)).filter(({ body }) => body !== "b1");
    const hidden = received.map(({ body, receipt }) => ({ receipt, visibilityMs: body === "a1" ? 2_000 : 0 }));
    await queue.extend(hidden);
    assert.deepEqual(await bodiesOf(queue), []);
    assert.equal((await receiveNext(queue)).body, "a1");
  });

  test("a duplicate is dropped, also after the first message was acked", async (t) => {
    const { queue, send } = await make(t, { fifo });
    const message = aMessage(fifo);
    await send(message);
    await send(message);
    await queue.ack([(await receiveOne(queue)).receipt]);
    await send(message);
    assert.deepEqual(await receiveAll(queue), []);
  });

  // AWS answers that the receipt has expired, fauxqs that all is well: neither deletes the message,
  // and that is what counts.
  test("an ack after a redelivery does not delete the message", async (t) => {
    const { queue, send, inspect } = await make(t, { fifo });
    await send(aMessage(fifo));
    const first = await receiveOne(queue, 1_000);
    await receiveNext(queue);
    const [late] = await queue.ack([first.receipt]);
    assert.match(String(late), /^(done|gone)$/);
    assert.deepEqual(
      (await inspect()).map((message) => message.state),
      ["in_flight"],
    );
  });

  test("a second burial under the same id makes no second dead letter", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    await send(aMessage(fifo, "body", "my_group"));
    const message = await receiveOne(queue);
    await queue.bury(message, aReason, message.id);
    await queue.bury(message, aReason, message.id);
    assert.deepEqual(
      (await inspectDeadLetters()).map((letter) => readNote(letter)?.group_id),
      ["my_group"],
    );
  });

  test("dead letters of one group do not hide each other, however many they are", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    for (let i = 0; i < 12; i += 1) {
      await send(aMessage(fifo, `${i}`, "my_group"));
      const message = await receiveOne(queue);
      await queue.bury(message, aReason, message.id);
      await queue.ack([message.receipt]);
    }
    const letters = await queue.deadLetters();
    assert.ok(letters !== null);
    assert.equal((await receiveAll(letters)).length, 12);
    assert.equal((await inspectDeadLetters()).length, 12);
  });

  test("a second burial under another id makes a second dead letter", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    await send(aMessage(fifo));
    const message = await receiveOne(queue);
    for (const id of ["first", "second"]) await queue.bury(message, aReason, id);
    assert.equal((await inspectDeadLetters()).length, 2);
  });
}

async function bodiesOf(queue: Queue): Promise<string[]> {
  return (await receiveAll(queue)).map((message) => message.body);
}

async function workThrough(queue: Queue): Promise<string[]> {
  const bodies: string[] = [];
  while (true) {
    const messages = await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 });
    if (messages.length === 0) return bodies;
    bodies.push(...messages.map((message) => message.body));
    await queue.ack(messages.map((message) => message.receipt));
  }
}
