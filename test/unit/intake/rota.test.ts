// Which of several queues is asked next: strict order, shares by weight, limits, and no queue that
// is forgotten.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Ask, Rota } from "../../../core/intake/rota.ts";
import { endless, queue, World } from "./rota-world.ts";

const slotsOf = fc.integer({ min: 1, max: 64 });
const stepOf = fc.integer({ min: 2, max: 500 }).map((n) => n * 10);
const anyQueue = fc.record({
  weight: fc.option(fc.integer({ min: 1, max: 10 })),
  most: fc.integer({ min: 1, max: 64 }),
  backlog: fc.constantFrom(0, 3, endless),
  rate: fc.constantFrom(0, 1, 50),
});

describe("a queue without a weight", () => {
  test("a queue without a weight that has messages is never passed over for one behind it", () => {
    fc.assert(
      fc.property(slotsOf, stepOf, fc.integer({ min: 2, max: 4 }), (slots, stepMs, count) => {
        const world = new World(
          slots,
          stepMs,
          Array.from({ length: count }, () => queue()),
        );
        world.live(60_000);
        const first = world.started.slice(1).map((started) => started);
        // What each of the others was handed before anybody knew.
        assert.ok(
          first.every((started) => started <= 1),
          `handed out ${world.started.join(", ")}`,
        );
      }),
      { numRuns: 15 },
    );
  });

  test("a queue without a weight gets every slot that frees once it is known to have messages", () => {
    fc.assert(
      fc.property(slotsOf, fc.integer({ min: 100, max: 1_000 }), (slots, tens) => {
        const stepMs = tens * 10;
        const world = new World(slots, stepMs, [queue({ backlog: 0 }), queue({ weight: 1 })]);
        world.live(30_000 + stepMs);
        const [high] = world.queues;
        if (high !== undefined) high.backlog = endless;
        // That it was empty is believed for a second; then the next slot that frees is its own.
        world.live(1_000);
        const before = world.asks.length;
        world.live(stepMs + 100);
        const asked = world.asks.slice(before).map((ask) => ask.queue);
        assert.ok(asked.length > 0 && asked.every((place) => place === 0), `asked ${asked.join(", ")}`);
      }),
      { numRuns: 15 },
    );
  });

  test("a queue without a weight comes before every weight in any order", () => {
    const world = new World(4, 100, [queue({ weight: 100 }), queue()]);
    world.live(10_000);
    assert.ok((world.started[0] ?? 0) <= 1, `handed out ${world.started.join(", ")}`);
  });
});

describe("queues with weights", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 4 });

  test("queues with weights are handed messages by their weights, within ten messages of each", () => {
    fc.assert(
      fc.property(slotsOf, stepOf, weights, (slots, stepMs, given) => {
        const world = new World(
          slots,
          stepMs,
          given.map((weight) => queue({ weight })),
        );
        for (let lived = 0; lived < 10; lived += 1) {
          world.live(3_000);
          const levels = world.started.map((started, i) => started / (given[i] ?? 1));
          const apart = Math.max(...levels) - Math.min(...levels);
          assert.ok(apart <= 10 / Math.min(...given) + 1, `by weight ${levels.join(", ")}`);
        }
      }),
      { numRuns: 15 },
    );
  });

  test("queues with weights leave no queue waiting forever", () => {
    const world = new World(1, 100, [queue({ weight: 10 }), queue({ weight: 1 })]);
    world.live(60_000);
    assert.ok((world.started[1] ?? 0) >= 40, `handed out ${world.started.join(", ")}`);
  });

  test("queues with weights get no credit for a time in which they were empty or down", () => {
    const world = new World(4, 100, [queue({ weight: 1 }), queue({ weight: 1, backlog: 0 }), queue({ weight: 1 })]);
    world.down.add(2);
    world.live(60_000);
    const before = [...world.started];
    for (const one of world.queues) one.backlog = endless;
    world.down.delete(2);
    world.live(30_000);
    const [a = 0, b = 0, c = 0] = world.started.map((started, i) => started - (before[i] ?? 0));
    // A third of some 1 100, not the minute before as well.
    assert.ok(a > 250 && Math.abs(a - b) < 100 && Math.abs(a - c) < 100, `handed out ${a}, ${b}, ${c}`);
  });
});

test("no queue has more slots than it may, and nothing is asked for without one", () => {
  fc.assert(
    fc.property(slotsOf, stepOf, fc.array(anyQueue, { minLength: 2, maxLength: 5 }), (slots, stepMs, queues) => {
      const world = new World(slots, stepMs, queues);
      for (let lived = 0; lived < 100; lived += 1) {
        world.live(100);
        const held = queues.map((_, place) => world.heldBy(place));
        assert.ok(
          held.every((count, place) => count <= (queues[place]?.most ?? 0)),
          `held ${held.join(", ")}`,
        );
        assert.ok(held.reduce((sum, count) => sum + count, 0) <= slots, `held ${held.join(", ")} of ${slots}`);
      }
    }),
    { numRuns: 30 },
  );
});

test("a queue that has messages and may take a slot gets one, unless queues before it take them all", () => {
  fc.assert(
    fc.property(slotsOf, fc.array(anyQueue, { minLength: 2, maxLength: 5 }), (slots, queues) => {
      const world = new World(
        slots,
        100,
        queues.map((one) => ({ ...one, backlog: 1, rate: 0 })),
      );
      world.live(60_000);
      assert.deepEqual(
        world.started,
        queues.map(() => 1),
      );
    }),
    { numRuns: 30 },
  );
});

test("all slots are busy where one queue has messages and the others have none", () => {
  fc.assert(
    fc.property(slotsOf, fc.integer({ min: 2, max: 4 }), (slots, count) => {
      const others = Array.from({ length: count - 1 }, () => queue({ backlog: 0 }));
      const world = new World(slots, 30_000, [...others, queue({ weight: 1 })]);
      // The long polls with which the others were watched keep a slot each until they end.
      world.live(100_000);
      world.idleMs = 0;
      world.live(300_000);
      assert.ok(world.idleMs <= 0.04 * slots * 300_000, `idle for ${world.idleMs} ms of ${slots} slots`);
    }),
    { numRuns: 6 },
  );
});

test("each idle queue has one long poll for one message, or takes turns of a second when slots are few", () => {
  const asksOf = (slots: number) => {
    const world = new World(slots, 100, [queue({ backlog: 0 }), queue({ backlog: 0, weight: 1 })]);
    world.live(19_000);
    return world.asks.map(({ queue: place, max, wait }) => `${place} ${max} ${wait}`);
  };
  assert.deepEqual(asksOf(4), ["0 1 long", "1 1 long"]);
  assert.deepEqual(asksOf(1).slice(0, 4), ["0 1 second", "1 1 second", "0 1 second", "1 1 second"]);
  assert.equal(asksOf(1).length, 19);
});

test("a queue that was found empty is asked once a second while others have messages", () => {
  const world = new World(2, 50, [queue({ backlog: 0 }), queue({ weight: 1 })]);
  world.live(30_000);
  const before = world.asks.length;
  world.live(60_000);
  const asked = world.asks.slice(before).filter((ask) => ask.queue === 0).length;
  assert.ok(asked >= 50 && asked <= 61, `${asked} receives in a minute`);
});

test("a queue that does not answer keeps the others waiting for a second, not longer", () => {
  const rota = new Rota([null, 1]);
  const room = { free: 2, max: 10, probe: false, polled: false };
  const ask = (queueAt: number, wait: Ask["wait"], alone: boolean): Ask => ({ queue: queueAt, max: 1, wait, alone });
  rota.asked(ask(0, "none", true), 0);
  rota.answered(ask(0, "none", true), 1, 0);
  rota.asked(ask(1, "none", true), 0);
  rota.answered(ask(1, "none", true), 1, 0);
  const first = rota.next(10, 2, [room, room]);
  assert.deepEqual(first, { queue: 0, max: 2, wait: "none", alone: true });
  rota.asked(ask(0, "none", true), 10);
  assert.equal(rota.next(1_000, 2, [{ ...room, polled: true }, room]), null);
  assert.equal(rota.isWaiting(1_000), true);
  assert.equal(rota.next(1_010, 2, [{ ...room, polled: true }, room])?.queue, 1);
});

test("a queue that may work again is asked for one message at once, even if others have messages", () => {
  const rota = new Rota([null, null]);
  const room = { free: 2, max: 10, probe: false, polled: false };
  const expected: Ask = { queue: 1, max: 1, wait: "none", alone: false };
  assert.deepEqual(rota.next(0, 2, [room, { ...room, max: 1, probe: true }]), expected);
});
