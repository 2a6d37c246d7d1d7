// Burying: a copy that says why, with the body and the producer's attributes as they were.
import assert from "node:assert/strict";
import { test } from "node:test";
import { producerAttributes, readNote } from "../../core/queue/dead-letter-note.ts";
import type { Message, MessageAttribute } from "../../core/queue/port.ts";
import type { InspectedMessage } from "../support/sqs/local-sqs.ts";
import { aMessage, aReason, type MakeQueue, receiveOne } from "./queue-setup.ts";

export function buryContract(make: MakeQueue, fifo: boolean): void {
  test("a buried copy has the body byte for byte, the producer's attributes, and the reason", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    const attributes = { trace: { dataType: "String", stringValue: "00-abc" } };
    const body = '{"not json:\t"\\ud83d ü';
    await send({ ...aMessage(fifo, body), attributes });
    const message = await receiveOne(queue);
    await queue.bury(message, aReason, message.id);
    const [letter, ...others] = await inspectDeadLetters();
    assert.ok(letter !== undefined && others.length === 0);
    assert.equal(letter.body, body);
    assert.deepEqual(producerAttributes(asMessage(letter)), attributes);
    const { source_queue, buried_at, ...note } = readNote(asMessage(letter)) ?? assert.fail("no note");
    assert.deepEqual(note, {
      reason: "crash_loop",
      detail: "the step process died 3 times: SIGKILL",
      error_class: "StepProcessDied",
      fingerprint: "f00d",
      starts: 3,
      worker: "worker-1",
      message_id: message.id,
      group_id: message.groupId,
      first_received_at: message.firstReceivedAtMs / 1000,
    });
    assert.equal(source_queue, (await queue.describe()).url);
    assert.ok(buried_at >= note.first_received_at);
  });

  test("a burial's reason may hold any text, also characters that SQS refuses in an attribute", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    await send(aMessage(fifo));
    const detail = "\u0000\u001b[31m\ufffe\uffff \u{1f4a5}";
    await queue.bury(await receiveOne(queue), { ...aReason, detail }, "id");
    assert.equal(readNote(asMessage((await inspectDeadLetters())[0]))?.detail, detail);
  });

  test("a burial does not delete the original", async (t) => {
    const { queue, send, inspect } = await make(t, { fifo });
    await send(aMessage(fifo));
    const message = await receiveOne(queue);
    await queue.bury(message, aReason, message.id);
    assert.deepEqual(
      (await inspect()).map(({ id, state }) => [id, state]),
      [[message.id, "in_flight"]],
    );
    assert.deepEqual(await queue.ack([message.receipt]), ["done"]);
  });

  test("ten attributes of the producer leave room for the reason, and all ten come back", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    const attributes: Record<string, MessageAttribute> = {
      tiny: { dataType: "Binary", binaryValue: new Uint8Array([7]) },
    };
    for (let i = 1; i < 10; i += 1) attributes[`a${i}`] = { dataType: "String", stringValue: `value ${i}` };
    await send({ ...aMessage(fifo), attributes });
    await queue.bury(await receiveOne(queue), aReason, "id");
    const letter = asMessage((await inspectDeadLetters())[0]);
    assert.equal(Object.keys(letter.attributes).length, 10);
    assert.equal(readNote(letter)?.reason, "crash_loop");
    assert.deepEqual(normal(producerAttributes(letter)), normal(attributes));
  });

  test("a body at SQS's limit is buried whole, with as much of the reason as fits", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    const body = "x".repeat(1_048_576 - 600);
    await send(aMessage(fifo, body));
    await queue.bury(await receiveOne(queue), { ...aReason, detail: "é".repeat(5_000) }, "id");
    const letter = asMessage((await inspectDeadLetters())[0]);
    assert.ok(letter.body === body, "the body has changed");
    assert.match(readNote(letter)?.detail ?? "", /^é{10,600}$/);
  });

  test("a body that fills SQS's limit is buried whole, without the reason", async (t) => {
    const { queue, send, inspectDeadLetters } = await make(t, { fifo });
    const body = "x".repeat(1_048_576);
    await send(aMessage(fifo, body));
    await queue.bury(await receiveOne(queue), aReason, "id");
    const letter = asMessage((await inspectDeadLetters())[0]);
    assert.ok(letter.body === body, "the body has changed");
    assert.equal(readNote(letter), null);
  });

  test("a burial without a dead letter queue rejects and says so", async (t) => {
    const { queue, send } = await make(t, { fifo, maxReceiveCount: null });
    await send(aMessage(fifo));
    const message = await receiveOne(queue);
    const { url } = await queue.describe();
    await assert.rejects(queue.bury(message, aReason, message.id), {
      name: "Fault",
      code: "TQ_CONFIG",
      message: `the queue ${url} has no dead letter queue to bury message ${message.id} in`,
      hint: "Give the queue a redrive policy, or name its dead letter queue.",
    });
  });
}

function asMessage(letter: InspectedMessage | undefined): Message {
  if (letter === undefined) throw new Error("no dead letter");
  return { ...letter, receipt: "", sentAtMs: 0, firstReceivedAtMs: 0 };
}

/** Bytes compare by value, whether they came as a Buffer or not. */
function normal(attributes: Readonly<Record<string, MessageAttribute>>) {
  const entries = Object.entries(attributes).map(([name, { binaryValue, ...rest }]) => {
    return [name, binaryValue === undefined ? rest : { ...rest, binaryValue: [...binaryValue] }] as const;
  });
  return Object.fromEntries(entries.sort());
}
