// Random walks through the lifecycle: in any order of events a delivery ends, and it keeps the
// order of effects on the way.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { advance, received } from "../../../../core/delivery/lifecycle.ts";
import { type Effect, type Event, happens, type State } from "../../../../core/delivery/states.ts";
import { events, hold } from "./samples.ts";

interface Step {
  readonly from: State;
  readonly on: Event;
  readonly to: State;
  readonly effect: Effect;
}

/** One move for each choice, until the delivery is done. */
function walk(choices: readonly number[]): readonly Step[] {
  const steps: Step[] = [];
  let state = received;
  for (const choice of choices) {
    const possible = happens[state.at].flatMap((is): readonly Event[] => Object.values(events[is]));
    const on = possible[choice % possible.length];
    if (on === undefined) break;
    const [to, effect] = advance(state, on);
    steps.push({ from: state, on, to, effect });
    state = to;
  }
  return steps;
}

const walks = fc.array(fc.nat(1_000_000), { minLength: 60, maxLength: 60 }).map(walk);
const runs = { numRuns: 5_000 };
const did = (steps: readonly Step[], ...events: readonly Event["is"][]) =>
  steps.some(({ on }) => events.includes(on.is));

/** Returns the steps up to each effect of this kind. */
function before(steps: readonly Step[], effect: Effect["do"]): readonly { past: readonly Step[]; step: Step }[] {
  return steps.flatMap((step, i) => (step.effect.do === effect ? [{ past: steps.slice(0, i + 1), step }] : []));
}

test("a delivery ends, because no state comes twice except claiming after each wait", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      const waits = steps.filter(({ on }) => on.is === "held").length;
      for (const [at, visits] of Map.groupBy(steps, ({ from }) => from.at)) {
        const most = at === "claiming" ? waits + 1 : 1;
        assert.ok(visits.length <= (at === "waiting" ? waits : most), `${visits.length} times ${at}, ${waits} waits`);
      }
      assert.ok(steps.at(-1)?.to.at === "done" || steps.length === 60);
    }),
    runs,
  );
});

test("no message is deleted before its outcome is settled or its copy is buried", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      for (const { past, step } of before(steps, "ack")) {
        const buries = step.to.at === "acking" && step.to.disposition === "buried";
        assert.ok(buries ? did(past, "buried") : did(past, "recorded", "settled"));
      }
    }),
    runs,
  );
});

test("no message with a signature, a step, a row of its body, a known run and an open attempt is buried before its outcome is settled", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      for (const { past, step } of before(steps, "bury")) {
        const { reason } = step.effect.do === "bury" ? step.effect.why : { reason: null };
        const isAnothers = past.some(({ on }) => on.is === "granted" && !on.sameBody);
        const isUnreadable = reason === "malformed" && past.length === 1;
        const hasNoRow = did(past, "row_refused", "not_open");
        const isStrange = did(past, "unsigned", "other_instance", "unknown_run");
        assert.ok(
          did(past, "recorded", "settled") || isAnothers || isUnreadable || hasNoRow || isStrange,
          `buried as ${reason}`,
        );
      }
    }),
    runs,
  );
});

test("a step is executed, reported, settled or abandoned only under the hold of its own claim", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      for (const { effect, on } of steps) {
        if (!("hold" in effect)) continue;
        assert.equal(effect.hold, hold);
        if (effect.do === "execute") assert.ok(on.is === "granted" && on.sameBody && on.starts <= on.budget);
      }
      const claims = steps.findLastIndex(({ on }) => on.is === "granted");
      const first = steps.findIndex(({ effect }) => "hold" in effect);
      assert.ok(first === -1 || (claims !== -1 && first >= claims));
    }),
    runs,
  );
});

test("a delivery that lost its claim does nothing more", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      for (const { from, on, to, effect } of steps) {
        const lost = ["permit_refused", "lease_lost"].includes(on.is) || (from.at === "settling" && on.is === "stale");
        if (!lost) continue;
        assert.deepEqual([to, effect], [{ at: "done", disposition: "lost" }, { do: "none" }]);
      }
    }),
    runs,
  );
});
