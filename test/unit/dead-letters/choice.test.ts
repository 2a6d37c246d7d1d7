// What an operator names is there, once; else they learn what is.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Choice } from "../../../core/dead-letters/choice.ts";
import { anyLetter, type LetterFilter } from "../../../core/dead-letters/filter.ts";
import type { DeadLetter } from "../../../core/dead-letters/letter.ts";
import { bodyFor } from "../../support/sqs/messages.ts";
import { aLetter, moved } from "./letters.ts";

const letters: readonly DeadLetter[] = [
  aLetter("5f0c1a9e", { body: bodyFor("load", { run_id: "7f3c-one" }) }),
  aLetter("5f0c77aa", { body: bodyFor("load", { run_id: "7f3c-one" }), reason: "step_fault" }),
  aLetter("9b9b0001", { body: bodyFor("clean", { run_id: "7f3c-one-more" }), reason: "step_fault" }),
  moved("aaaa0001", { body: bodyFor("split", { run_id: "other" }) }),
  aLetter("bbbb0001", { body: "{}", reason: "malformed" }),
];

function choose(filter: Partial<LetterFilter>, among = letters) {
  const choice = new Choice({ ...anyLetter, ...filter });
  for (const letter of among) choice.see(letter);
  const { letters: chosen, mismatches } = choice.end();
  return {
    ids: chosen.map(({ message }) => message.id),
    mismatches: mismatches.map(({ condition, given, kind, there }) => [condition, given, kind, there]),
  };
}

type Case = readonly [what: string, Partial<LetterFilter>, ids: readonly string[], mismatches: readonly unknown[]];

const cases: readonly Case[] = [
  ["the beginning of an id means its letter", { names: ["9b9b"] }, ["9b9b0001"], []],
  ["the beginning of the buried message's id means its letter, too", { names: ["sent-9b"] }, ["9b9b0001"], []],
  ["a key that several letters have means all of them", { names: ["7f3c-one:load"] }, ["5f0c1a9e", "5f0c77aa"], []],
  [
    "the beginning of several ids means none",
    { names: ["5f0c", "9b9b"] },
    [],
    [
      [
        "id",
        "5f0c",
        "ambiguous",
        [
          ["5f0c1a9e", 1],
          ["5f0c77aa", 1],
        ],
      ],
    ],
  ],
  [
    "an id of no letter leaves the others",
    { names: ["nobody", "9b9b"] },
    ["9b9b0001"],
    [["id", "nobody", "unknown", letters.map(({ message }) => [message.id, 1])]],
  ],
  ["a whole run id does not choose another run", { runId: "7f3c-one" }, ["5f0c1a9e", "5f0c77aa"], []],
  [
    "the beginning of several runs means none, whatever else is asked for",
    { runId: "7f3c", reason: "crash_loop" },
    [],
    [
      [
        "run",
        "7f3c",
        "ambiguous",
        [
          ["7f3c-one", 2],
          ["7f3c-one-more", 1],
        ],
      ],
    ],
  ],
  [
    "a reason that no letter has is a mismatch",
    { reason: "crsh_loop" },
    [],
    [
      [
        "reason",
        "crsh_loop",
        "unknown",
        [
          ["step_fault", 2],
          ["crash_loop", 1],
          ["moved_by_sqs", 1],
          ["malformed", 1],
        ],
      ],
    ],
  ],
  ["a reason's word of an earlier release is understood", { reason: "dead_lettered" }, ["aaaa0001"], []],
  [
    "a step that no letter has is a mismatch",
    { step: "lod*" },
    [],
    [
      [
        "step",
        "lod*",
        "unknown",
        [
          ["load", 2],
          ["clean", 1],
          ["split", 1],
        ],
      ],
    ],
  ],
  ["values of different letters choose none", { step: "split", reason: "malformed" }, [], []],
];

describe("a choice", () => {
  for (const [what, filter, ids, mismatches] of cases)
    test(`in a choice of letters, ${what}`, () => assert.deepEqual(choose(filter), { ids, mismatches }));

  test("a choice among no letters misses only the values that name one", () => {
    assert.deepEqual(choose({ reason: "crash_loop", runId: "7f3c", names: ["9b9b"] }, []).mismatches, [
      ["id", "9b9b", "unknown", []],
    ]);
  });
});

test("a note of an earlier release is read with today's word for its reason", () => {
  assert.equal(aLetter("m1", { reason: "dead_lettered" }).reason, "moved_by_sqs");
});
