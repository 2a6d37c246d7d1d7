// A short simulation for the inner loop, and what makes a found failure worth something: the same
// seed is the same world, and it shrinks.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { liveThrough } from "./live.ts";
import { mutants } from "./mutants.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulate.ts";
import { hostRules } from "./step-process.ts";
import { storyOf } from "./story.ts";

test("1,000 deliveries break no rule", async () => {
  const { found, deliveries } = await simulate({ fromSeed: 1, deliveries: 1_000 });
  assert.deepEqual(found, null);
  assert.ok(deliveries >= 1_000);
});

test("a seed always makes the same world, and another seed makes another", async () => {
  const [one, again, other] = [await liveThrough(7), await liveThrough(7), await liveThrough(8)];
  assert.equal(again.hash, one.hash);
  assert.deepEqual(again.trace, one.trace);
  assert.notEqual(other.hash, one.hash);
});

test("a broken rule is found, and its story has only the few faults and messages that break it", async () => {
  const rules = { ...hostRules, readsLog: false };
  const { found } = await simulate({ fromSeed: 30, deliveries: 5_000, rules });
  const rule = found?.violation.rule;
  // Whichever of the two a world meets first.
  assert.ok(found !== null && (rule === "written_after_end" || rule === "second_terminal_event"));
  const world = await liveThrough(found.seed, undefined, rules);
  const shrunk = await shrink(found.seed, rule, rules);
  const { report, selection } = shrunk;
  assert.equal(report.violation?.rule, rule);
  assert.ok(report.struck.length <= 5, `needs ${report.struck.length} of ${world.struck.length} faults`);
  assert.ok((selection.work?.size ?? 99) <= 2, `needs ${selection.work?.size} runs`);
  const story = storyOf(shrunk);
  assert.match(story, new RegExp(`^seed ${found.seed}: ${rule}: `));
  assert.match(story, new RegExp(`npm run simulate -- --deliveries 1 --seed ${found.seed}`));
  assert.match(story, /writes STEP_/);
});

test("each mutant's line stands once in the product", () => {
  for (const { name, edit } of mutants) {
    if (edit === undefined) continue;
    const source = readFileSync(new URL(`../../${edit.file}`, import.meta.url), "utf8");
    assert.equal(source.split(edit.from).length - 1, 1, `${name}: ${edit.file}: ${edit.from}`);
  }
});
