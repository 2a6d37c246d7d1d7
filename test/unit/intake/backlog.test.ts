// Under a backlog: slots are kept busy with few requests, and what was fetched too early goes back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const some = (count: number) => Array.from({ length: count }, (_, i) => message(`m${i + 1}`));

/** Steps that take `stepMs`, receives that take `receiveMs`, on a queue that never runs out. */
async function work(t: Parameters<typeof bench>[0], slots: number, stepMs: number, forMs: number) {
  const receiveMs = 20;
  const intake = bench(t, { slots });
  const { clock, queue, lane } = intake;
  queue.onReceive = () => clock.sleep(receiveMs);
  queue.offer(...some(Math.ceil((slots * forMs * 1.2) / stepMs) + 100));
  intake.takesMs(stepMs);
  // Until it is up to speed.
  await clock.advance(3_000);
  const [receivesBefore, endedBefore] = [queue.received.length, lane.ended.acked];
  await clock.advance(forMs);
  const ended = lane.ended.acked - endedBefore;
  const idle = 1 - (ended * stepMs) / (slots * forMs);
  return { idle, receivesPerMessage: (queue.received.length - receivesBefore) / ended };
}

describe("under a backlog", () => {
  for (const [slots, stepMs] of [
    [4, 50],
    [4, 250],
    [32, 100],
    [32, 1_000],
  ] as const) {
    test(`${slots} slots with steps of ${stepMs} ms are idle less than a hundredth of the time, for few requests`, async (t) => {
      const { idle, receivesPerMessage } = await work(t, slots, stepMs, 20_000);
      assert.ok(idle < 0.01, `idle ${(idle * 100).toFixed(2)} %`);
      assert.ok(
        receivesPerMessage <= (slots === 4 ? 0.35 : 0.15),
        `${receivesPerMessage.toFixed(3)} receives a message`,
      );
    });
  }

  test("many free slots are filled by receives in parallel, once the first has shown that there is more", async (t) => {
    const { clock, queue, asked, begun } = bench(t, { slots: 32 });
    queue.onReceive = () => clock.sleep(20);
    queue.offer(...some(40));
    await clock.advance(20);
    assert.deepEqual(asked(), [10, 10, 10, 2]);
    await clock.advance(20);
    assert.equal(begun.length, 32);
  });

  test("an idle worker polls once at a time", async (t) => {
    const { clock, asked } = bench(t, { slots: 32 });
    await clock.advance(100_000);
    assert.deepEqual(new Set(asked()), new Set([10]));
    assert.equal(asked().length, 6);
  });
});

test("a message fetched ahead of its need goes back when no slot is free in time", async (t) => {
  const { clock, queue, lane, takesMs, journal, begun } = bench(t, { slots: 4 });
  queue.onReceive = () => clock.sleep(20);
  queue.offer(...some(400));
  takesMs(50);
  await clock.advance(3_000);
  takesMs(3_600_000);
  await clock.advance(1_200);
  const started = begun.length;
  assert.ok(lane.received > started, "something waited");
  await clock.advance(60_000);
  assert.deepEqual([begun.length, lane.ended.released], [started, lane.received - started]);
  assert.ok(journal.some((line) => line.endsWith(" 0")));
});

test("a message starts at once while a slot is free, whichever of several receives brings it", async (t) => {
  const { clock, queue, lane, takesMs, begun } = bench(t, { slots: 2 });
  takesMs(40);
  queue.offer(...some(10));
  await clock.advance(300);
  assert.deepEqual([begun.length, lane.busy, lane.polls > 1], [10, 0, true], "a burst leaves several receives");
  for (let i = 0; i < 20; i += 1) {
    queue.offer(message(`late-${i}`));
    await clock.advance(10);
    assert.equal(begun.at(-1), `late-${i}`);
    await clock.advance(50);
  }
});
