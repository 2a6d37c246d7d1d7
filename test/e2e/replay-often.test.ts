// `taskiq replay` of the same steps again and again within the five minutes for which a FIFO queue
// drops duplicates, and of a thousand letters at once.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Desk, openDesk } from "../support/taskiq/operators-desk.ts";

const stepsIn = (queue: Desk["source"]) =>
  queue.inspect().map(({ groupId, body }) => `${groupId} ${JSON.parse(body).step_key}`);

describe("replay", () => {
  test("a replay of letters buried again within five minutes loses nothing, in its group and order", async (t) => {
    const desk = await openDesk(t);
    const steps = ["one a", "one b", "two c", "one d"];
    for (const step of steps) desk.send(step.slice(-1), step.slice(0, 3));
    const [ids, began] = [new Set<string>(), desk.clock.wallMs()];
    for (const time of [1, 2, 3]) {
      await desk.buryAll();
      assert.deepEqual([desk.source.inspect(), desk.deadLetters.inspect().length], [[], 4]);
      const { code, printed, stderr } = await desk.replay();
      assert.deepEqual([code, printed.map(({ end }) => end)], [0, Array(4).fill("sent")], stderr);
      assert.deepEqual(stepsIn(desk.source).sort(), steps.toSorted(), `replay ${time}`);
      const ofOne = stepsIn(desk.source).filter((step) => step.startsWith("one"));
      assert.deepEqual(ofOne, ["one a", "one b", "one d"], `replay ${time}`);
      for (const { deduplicationId } of desk.source.inspect()) ids.add(deduplicationId ?? "");
      for (const { message_id } of printed) assert.equal((await desk.ledger.findReplay(message_id))?.number, time);
    }
    assert.equal(ids.size, 3 * steps.length, "each replay has an id of its own");
    assert.ok(desk.clock.wallMs() - began < 300_000, "SQS has forgotten none of them meanwhile");
    assert.equal((await desk.ledger.reopenings("run-1:a")).length, 3);
  });

  test("a replay of a thousand letters sends each once, those of a group in their order", async (t) => {
    const desk = await openDesk(t);
    const wanted = Array.from({ length: 1_000 }, (_, i) => ({ step: `load[part_${i}]`, group: `g${i % 37}` }));
    for (const { step, group } of wanted) desk.send(step, group);
    await desk.buryAll();
    assert.equal(desk.deadLetters.inspect().length, 1_000);
    const { code, printed, stderr } = await desk.replay();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^taskiq replay: 1000 sent$/m);
    assert.equal(new Set(printed.map(({ new_message_id }) => new_message_id)).size, 1_000);
    const sent = desk.source.inspect();
    assert.deepEqual([sent.length, desk.deadLetters.inspect()], [1_000, []]);
    for (const [group, members] of Map.groupBy(sent, ({ groupId }) => groupId)) {
      const expected = wanted.filter((one) => one.group === group).map(({ step }) => step);
      assert.deepEqual(
        members.map(({ body }) => JSON.parse(body).step_key),
        expected,
      );
    }
  });
});
