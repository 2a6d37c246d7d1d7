// Which dead letters are meant.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  anyLetter,
  type LetterFilter,
  matchesGlob,
  matchesJob,
  matchesLetter,
} from "../../../core/dead-letters/filter.ts";
import { bodyFor, sentAtMs } from "../../support/sqs/messages.ts";
import { aLetter, moved } from "./letters.ts";

const load = aLetter("m1", { body: bodyFor("load[eu]"), detail: "ValueError: no rain on 31 February" });

describe("a filter", () => {
  const rows: readonly [Partial<LetterFilter>, boolean][] = [
    [{}, true],
    [{ names: ["m1"] }, true],
    [{ names: ["other", "run-1:load[eu]"] }, true],
    [{ names: ["sent-m1"] }, true],
    [{ names: ["run-1:load["] }, true],
    [{ names: ["sent-m"] }, true],
    [{ names: ["m"] }, false],
    [{ names: ["run-1:loud"] }, false],
    [{ ids: new Set(["m1"]) }, true],
    [{ ids: new Set(["sent-m1"]) }, false],
    [{ runId: "run-" }, true],
    [{ runId: "run" }, false],
    [{ step: "load[eu] #0" }, true],
    [{ step: "load[eu] #1" }, false],
    [{ step: "load[…]" }, true],
    [{ step: "lo…" }, true],
    [{ runId: "run-1" }, true],
    [{ runId: "run-2" }, false],
    [{ step: "load[eu]" }, true],
    [{ step: "load*" }, true],
    [{ step: "load" }, false],
    [{ reason: "crash_loop" }, true],
    [{ reason: "malformed" }, false],
    [{ error: load.fingerprint }, true],
    [{ error: "valueerror" }, true],
    [{ error: "NO RAIN" }, true],
    [{ error: "no snow" }, false],
    [{ error: "ValueError: no rain on <n> February" }, true],
    [{ error: "ValueError: no r…" }, true],
    [{ sinceMs: load.sinceMs }, true],
    [{ sinceMs: load.sinceMs + 1 }, false],
    [{ beforeMs: load.sinceMs }, false],
    [{ beforeMs: load.sinceMs + 1 }, true],
    [{ runId: "run-1", reason: "malformed" }, false],
  ];
  for (const [filter, meant] of rows) {
    test(`a letter ${meant ? "meets" : "does not meet"} the filter ${JSON.stringify(filter)}`, () => {
      assert.equal(matchesLetter({ ...anyLetter, ...filter }, load), meant);
    });
  }

  test("a filter that names a run or a step matches no letter without one", () => {
    const unreadable = aLetter("m2", { body: "{}" });
    assert.equal(matchesLetter({ ...anyLetter, runId: "run-1" }, unreadable), false);
    assert.equal(matchesLetter({ ...anyLetter, step: "*" }, unreadable), false);
    assert.equal(matchesLetter(anyLetter, unreadable), true);
  });

  test("a filter by time takes a letter that SQS moved by when it was sent", () => {
    assert.equal(matchesLetter({ ...anyLetter, sinceMs: sentAtMs }, moved("m3")), true);
    assert.equal(matchesLetter({ ...anyLetter, sinceMs: sentAtMs + 1 }, moved("m3")), false);
  });

  test("a filter for a job reads it from the run's record", () => {
    assert.deepEqual(
      [null, "nightly", "hourly"].map((job) => matchesJob({ ...anyLetter, job: "nightly" }, job)),
      [false, true, false],
    );
    assert.equal(matchesJob(anyLetter, null), true);
  });
});

describe("a glob", () => {
  const rows: readonly [string, string, boolean][] = [
    ["load", "load", true],
    ["load", "loader", false],
    ["*", "", true],
    ["?", "", false],
    ["l?ad", "load", true],
    ["*[eu]", "load[eu]", true],
    ["load[*]", "load[eu]", true],
    ["load[*]", "loade", false],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["**a", "ba", true],
    ["l.ad", "load", false],
  ];
  for (const [pattern, text, matches] of rows) {
    test(`the glob ${pattern} ${matches ? "matches" : "does not match"} ${JSON.stringify(text)}`, () => {
      assert.equal(matchesGlob(pattern, text), matches);
    });
  }

  test("a glob matches what its regular expression matches", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "["), maxLength: 8 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom("a", "b", "["), maxLength: 8 }), (pattern, text) => {
        const source = pattern.replace(/[[*?]/g, (c) => ({ "[": "\\[", "*": ".*", "?": "." })[c] ?? c);
        assert.equal(matchesGlob(pattern, text), new RegExp(`^${source}$`).test(text));
      }),
    );
  });

  test("a glob takes no longer when it is made to be slow", () => {
    assert.equal(matchesGlob("*a".repeat(2_000), "a".repeat(1_999)), false);
  });
});
