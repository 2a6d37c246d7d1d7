// All interleavings of two workers, one message, kills, lost answers and step processes that
// outlive their worker, through the real `advance`. No rule is broken, and every situation has a
// way to an end. With any one rule taken away, there is a counterexample.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance } from "../../../core/delivery/lifecycle.ts";
import type { Event, State } from "../../../core/delivery/states.ts";
import { type Exploration, explore } from "./explore.ts";
import type { Advance, Physics } from "./situation.ts";

const physics: Physics = {
  budget: 1,
  readsLog: true,
  asksPermit: true,
  keepsDeadline: true,
  fences: true,
  requiresOpen: true,
};

test("no situation breaks a rule, and each has a way to an end", () => {
  const { situations, broken } = explore(advance, { ...physics, budget: 2 });
  assert.equal(broken, null, way(broken));
  assert.ok(situations > 10_000, `${situations} situations`);
});

test("a message that comes before its attempt was sent breaks no rule", () => {
  const { situations, broken } = explore(advance, physics, false);
  assert.equal(broken, null, way(broken));
  assert.ok(situations > 10_000, `${situations} situations`);
});

const transaction = { locksFence: true, holdsEvent: true, holdsSettlement: true };

describe("where one transaction writes the terminal event and settles the row", () => {
  test("no situation breaks a rule, and each has a way to an end", () => {
    const { situations, broken } = explore(advance, { ...physics, budget: 2, transaction });
    assert.equal(broken, null, way(broken));
    assert.ok(situations > 10_000, `${situations} situations`);
  });

  const rules: readonly (readonly [keyof typeof transaction, string])[] = [
    ["locksFence", "two terminal events"],
    ["holdsEvent", "two terminal events"],
    ["holdsSettlement", "deleted before it is settled"],
  ];
  for (const [rule, breaks] of rules) {
    test(`a transaction without the rule ${rule} breaks the rule "${breaks}"`, () => {
      const { broken } = explore(advance, { ...physics, transaction: { ...transaction, [rule]: false } });
      assert.equal(broken?.rule, breaks, way(broken));
    });
  }
});

describe("without one of the rules there is a counterexample", () => {
  const twoEvents = ["readsLog", "asksPermit", "keepsDeadline", "fences"] as const;
  for (const rule of twoEvents) {
    test(`a life without the rule ${rule} has two terminal events`, () => {
      const { broken } = explore(advance, { ...physics, [rule]: false });
      assert.equal(broken?.rule, "two terminal events", way(broken));
    });
  }

  test("a life without the rule requiresOpen runs a step that no run worker sent", () => {
    const { broken } = explore(advance, { ...physics, requiresOpen: false }, false);
    assert.equal(broken?.rule, "ran what nobody sent", way(broken));
  });

  test("a life in which a message that came too early is acked deletes it with nothing recorded", () => {
    const acks = upon("not_open", [{ at: "acking", disposition: "acked" }, { do: "ack" }]);
    assert.equal(explore(acks, physics, false).broken?.rule, "deleted with nothing recorded");
  });

  const why = { reason: "step_fault", detail: "", error: null } as const;
  const lives: readonly [string, string, Advance][] = [
    [
      "a message is acked before it is settled",
      "deleted before it is settled",
      instead("settle", [{ at: "acking", disposition: "acked" }, { do: "ack" }]),
    ],
    [
      "an abandoned message is buried",
      "a dead letter that is none",
      upon("abandoned", [
        { at: "burying", why },
        { do: "bury", why },
      ]),
    ],
    [
      "a message is deleted without its copy",
      "deleted without its dead letter",
      instead("bury", [{ at: "acking", disposition: "buried" }, { do: "ack" }]),
    ],
    [
      "a held message is deleted",
      "deleted with nothing recorded",
      upon("held", [{ at: "acking", disposition: "acked" }, { do: "ack" }]),
    ],
    [
      "the message of a dead row is acked",
      "deleted without its dead letter",
      upon("settled", [{ at: "acking", disposition: "acked" }, { do: "ack" }]),
    ],
    [
      "a report is released instead",
      "no way to an end",
      instead("report", [{ at: "releasing" }, { do: "release", after: "long", starts: 0 }]),
    ],
  ];
  for (const [name, rule, mutated] of lives) {
    test(`a life in which ${name} breaks the rule "${rule}"`, () =>
      assert.equal(explore(mutated, physics).broken?.rule, rule));
  }
});

function way(broken: Exploration["broken"]): string {
  return broken === null ? "nothing is broken" : broken.way.join("\n");
}

type Move = ReturnType<Advance>;

/** Another move wherever the real one asks for this effect. */
function instead(effect: Move[1]["do"], move: Move): Advance {
  return (state, event) => {
    const real = advance(state, event);
    return real[1].do === effect ? move : real;
  };
}

function upon(event: Event["is"], move: Move): Advance {
  return (state: State, happened: Event) => (happened.is === event ? move : advance(state, happened));
}
