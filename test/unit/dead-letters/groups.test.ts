// A thousand dead letters are a handful of causes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupLetters } from "../../../core/dead-letters/groups.ts";
import type { DeadLetter } from "../../../core/dead-letters/letter.ts";
import type { JoinedLetter } from "../../../core/dead-letters/verdict.ts";
import { type VerdictKind, verdictOf } from "../../../core/dead-letters/verdict.ts";
import { bodyFor } from "../../support/sqs/messages.ts";
import { aLetter, buriedAtMs, DAY_MS, moved } from "./letters.ts";

function joined(letter: DeadLetter, kind: VerdictKind = "parked"): JoinedLetter {
  const nothing = { body: "malformed", named: false, retryPlanned: false, reason: null, row: null } as const;
  return {
    letter,
    row: null,
    standing: null,
    verdict: { ...verdictOf({ ...nothing, sameInstance: null, unsigned: false, standing: null, nowMs: 0 }), kind },
  };
}

test("letters of one fingerprint and reason are one group, the largest first", () => {
  const groups = groupLetters([
    joined(moved("m0")),
    joined(aLetter("m1", { body: bodyFor("load[a]"), detail: "file /tmp/17 is gone" })),
    joined(aLetter("m2", { body: bodyFor("load[b]"), atMs: buriedAtMs - 5_000 }), "succeeded"),
    joined(aLetter("m3", { body: bodyFor("clean"), atMs: buriedAtMs + 5_000 })),
    joined(aLetter("m4", { reason: "malformed", body: "{}" })),
  ]);
  assert.deepEqual(
    groups.map(({ reason, count }) => [reason, count]),
    [
      ["crash_loop", 3],
      ["moved_by_sqs", 1],
      ["malformed", 1],
    ],
  );
  const { title, steps, verdicts, ...first } = groups[0] ?? assert.fail();
  assert.deepEqual([title, steps], ["file <path> is gone", ["clean", "load[…]"]]);
  assert.deepEqual(verdicts, { parked: 2, succeeded: 1 });
  assert.deepEqual([first.oldestMs, first.newestMs], [buriedAtMs - 5_000, buriedAtMs + 5_000]);
  assert.deepEqual([first.soonestExpiryMs, first.exampleId], [buriedAtMs - 5_000 + 14 * DAY_MS, "m1"]);
});

test("200,000 letters make one group", () => {
  const letter = joined(aLetter("m1"));
  const [group] = groupLetters(Array.from({ length: 200_000 }, () => letter));
  assert.equal(group?.count, 200_000);
});
