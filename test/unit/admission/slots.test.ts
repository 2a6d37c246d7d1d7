// Slots: never more taken than there are, none lost, first come first served.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Seat, Slots } from "../../../core/admission/slots.ts";

const never = new AbortController().signal;

describe("slots", () => {
  test("free slots are taken at once", async () => {
    const slots = new Slots(2);
    assert.equal(await slots.take(never), true);
    assert.equal(await slots.take(never), true);
    assert.deepEqual([slots.busy, slots.total], [2, 2]);
  });

  test("a slot is given to the waiter that came first", async () => {
    const slots = new Slots(1);
    await slots.take(never);
    const order: string[] = [];
    const waiting = ["a", "b", "c"].map((name) => slots.take(never).then(() => order.push(name)));
    slots.release();
    await waiting[0];
    assert.deepEqual(order, ["a"]);
    slots.release(2);
    await Promise.all(waiting);
    assert.deepEqual(order, ["a", "b", "c"]);
  });

  test("an aborted signal takes no slot, even when one is free", async () => {
    const slots = new Slots(1);
    assert.equal(await slots.take(AbortSignal.abort()), false);
    assert.equal(slots.busy, 0);
  });

  test("a waiter that gives up is passed over", async () => {
    const slots = new Slots(1);
    await slots.take(never);
    const impatient = new AbortController();
    const [first, second] = [slots.take(impatient.signal), slots.take(never)];
    impatient.abort();
    assert.equal(await first, false);
    slots.release();
    assert.equal(await second, true);
    assert.equal(slots.busy, 1);
  });

  test("a signal that aborts after its slot was given takes nothing back", async () => {
    const slots = new Slots(1);
    await slots.take(never);
    const late = new AbortController();
    const waiting = slots.take(late.signal);
    slots.release();
    late.abort();
    assert.equal(await waiting, true);
    assert.equal(slots.busy, 1);
  });

  const rows: readonly [free: number, max: number, taken: number][] = [
    [3, 2, 2],
    [3, 9, 3],
    [0, 9, 0],
    [3, 0, 0],
    [3, -1, 0],
  ];
  for (const [free, max, taken] of rows) {
    test(`a request for at most ${max} of ${free} free slots takes ${taken}`, () => {
      const slots = new Slots(free);
      assert.equal(slots.takeFree(max), taken);
      assert.equal(slots.busy, taken);
    });
  }
});

describe("a seat", () => {
  test("a seat leaves its slot once, however often it leaves", async () => {
    const slots = new Slots(2);
    await slots.take(never);
    await slots.take(never);
    const seat = new Seat(slots);
    seat.leave();
    seat.leave();
    assert.equal(slots.busy, 1);
  });

  test("a seat that was not left is retaken at no cost", async () => {
    const slots = new Slots(1);
    await slots.take(never);
    assert.equal(await new Seat(slots).retake(never), true);
    assert.equal(slots.busy, 1);
  });

  test("a seat waits its turn to be retaken, and has no slot when it gave up", async () => {
    const slots = new Slots(1);
    await slots.take(never);
    const seat = new Seat(slots);
    seat.leave();
    await slots.take(never);
    const stop = new AbortController();
    const retaken = seat.retake(stop.signal);
    stop.abort();
    assert.equal(await retaken, false);
    seat.leave();
    assert.equal(slots.busy, 1);
  });
});

test("no order of calls loses or makes a slot", async () => {
  const act = fc.constantFrom("take", "takeFree", "release", "giveUp");
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 60 }), async (total, acts) => {
      const slots = new Slots(total);
      const waiting: { readonly giveUp: AbortController; readonly granted: Promise<boolean> }[] = [];
      let taken = 0;
      const perform = {
        take: () => {
          const giveUp = new AbortController();
          waiting.push({ giveUp, granted: slots.take(giveUp.signal) });
        },
        takeFree: () => {
          taken += slots.takeFree(1);
        },
        release: () => {
          if (taken > 0) slots.release();
          taken = Math.max(0, taken - 1);
        },
        giveUp: () => waiting.at(-1)?.giveUp.abort(),
      };
      for (const name of acts) {
        perform[name]();
        assert.ok(slots.busy >= 0 && slots.busy <= total, `${slots.busy} of ${total}`);
      }
      for (const { giveUp } of waiting) giveUp.abort();
      const granted = await Promise.all(waiting.map((one) => one.granted));
      assert.equal(slots.busy, taken + granted.filter(Boolean).length);
    }),
  );
});
