// Putting dead letters back: the copy is what the producer sent, in its group, and each has an end
// of its own.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { DeadLetterQueue, Message, MessageAttribute, Resend } from "../../core/queue/port.ts";
import { aMessage, aReason, type MakeQueue, type QueueSetup, receiveOne } from "./queue-setup.ts";

interface Buried extends QueueSetup {
  readonly letters: DeadLetterQueue;
  readonly letter: Message;
  /** The letter's copy, of that replay. */
  copy(id: string, changes?: Partial<Resend>): Resend;
}

const attributes: Record<string, MessageAttribute> = { trace: { dataType: "String", stringValue: "00-abc" } };

export function resendContract(make: MakeQueue, fifo: boolean): void {
  test("a resend of no copies answers nothing", async (t) => {
    const { letters, inspect } = await buried(t, make, fifo);
    assert.deepEqual([await letters.resend([]), await inspect()], [[], []]);
  });

  test("a resent copy has the body, the producer's attributes and the group, without the reason, and the letter stays", async (t) => {
    const { letters, letter, copy, inspect, inspectDeadLetters } = await buried(t, make, fifo);
    const [end, ...others] = await letters.resend([copy("replay-1")]);
    const [sent, ...more] = await inspect();
    assert.ok(sent !== undefined && others.length === 0 && more.length === 0);
    assert.deepEqual(end, { kind: "sent", messageId: sent.id });
    assert.notEqual(sent.id, letter.id);
    assert.deepEqual([sent.body, sent.attributes, sent.state], ["body", attributes, "visible"]);
    assert.deepEqual([sent.groupId, sent.deduplicationId], fifo ? ["my_group", "replay-1"] : [null, null]);
    assert.deepEqual(
      (await inspectDeadLetters()).map(({ id }) => id),
      [letter.id],
    );
  });

  test("a mended body is sent instead of the letter's, with the producer's attributes", async (t) => {
    const { letters, copy, inspect } = await buried(t, make, fifo);
    const body = '{"mended":"\\ud83d ü\t"}';
    await letters.resend([copy("replay-1", { body })]);
    const [sent] = await inspect();
    assert.deepEqual([sent?.body, sent?.attributes], [body, attributes]);
  });

  test("each of many copies has its answer, in order, and a refused copy does not hold up the others", async (t) => {
    const { letters, copy, inspect } = await buried(t, make, fifo);
    const refused = new Set([0, 9, 10, 22]);
    // SQS takes no control characters.
    const bodies = Array.from({ length: 23 }, (_, i) => (refused.has(i) ? "\u0000" : `body ${i}`));
    const ends = await letters.resend(bodies.map((body, i) => copy(`replay-${i}`, { body })));
    const sent = new Map((await inspect()).map(({ id, body }) => [id, body]));
    const results = ends.map((end) => (end.kind === "sent" ? sent.get(end.messageId) : end.kind));
    assert.deepEqual(
      results,
      bodies.map((body, i) => (refused.has(i) ? "failed" : body)),
    );
    assert.equal(sent.size, 19);
    if (fifo)
      assert.deepEqual(
        [...sent.values()],
        bodies.filter((_, i) => !refused.has(i)),
        "a group's order is kept",
      );
  });

  test("a copy sent again under its id is in a FIFO queue once and in a standard queue twice", async (t) => {
    const { letters, copy, queue, inspect } = await buried(t, make, fifo);
    const [first] = await letters.resend([copy("replay-1")]);
    const [again] = await letters.resend([copy("replay-1")]);
    assert.deepEqual([first?.kind, again?.kind], ["sent", "sent"]);
    assert.equal((await inspect()).length, fifo ? 1 : 2);
    if (!fifo) return;
    await queue.ack([(await receiveOne(queue)).receipt]);
    assert.deepEqual(
      (await letters.resend([copy("replay-1")])).map(({ kind }) => kind),
      ["sent"],
    );
    assert.deepEqual(await inspect(), []);
  });

  test("a copy sent under another id arrives again", async (t) => {
    const { letters, copy, inspect } = await buried(t, make, fifo);
    for (const id of ["replay-1", "replay-2"]) await letters.resend([copy(id)]);
    assert.deepEqual(
      (await inspect()).map(({ body }) => body),
      ["body", "body"],
    );
  });
}

/** One letter that a worker buried, received. */
async function buried(t: TestContext, make: MakeQueue, fifo: boolean): Promise<Buried> {
  const made = await make(t, { fifo });
  await made.send({ ...aMessage(fifo, "body", "my_group"), attributes });
  const message = await receiveOne(made.queue);
  await made.queue.bury(message, aReason, message.id);
  await made.queue.ack([message.receipt]);
  const letters = await made.queue.deadLetters();
  assert.ok(letters !== null);
  const letter = await receiveOne(letters);
  const copy: Buried["copy"] = (deduplicationId, changes = {}) => ({
    letter,
    body: letter.body,
    groupId: message.groupId,
    deduplicationId,
    ...changes,
  });
  return { ...made, letters, letter, copy };
}
