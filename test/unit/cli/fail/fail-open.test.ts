// `taskiq fail` as an operator sees it: what would be failed, what was, and why the others were
// not.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failOpen } from "../../../../cli/fail/fail-open.ts";
import type { FailPorts } from "../../../../core/dead-letters/replay/fail.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { bench } from "../../dead-letters/replay/fail-setup.ts";
import { Captured } from "../captured.ts";

type World = Awaited<ReturnType<typeof bench>>;

/** One letter is open, in its third attempt. One has a run that is over. One names no step. */
async function threeLetters(world: World) {
  await world.moved("open", bodyFor("open", { run_id: "open-run", retry_count: 2 }));
  await world.moved("over", bodyFor("over", { run_id: "over-run" }));
  await world.moved("nameless", "{}");
  world.runner.finishedRuns.add("over-run");
  const letters = await world.inspect();
  const [openId = "", overId = "", namelessId = ""] = letters.map(({ letter }) => letter.message.id.slice(0, 8));
  return { letters, openId, overId, namelessId };
}

async function shown(
  world: World,
  letters: Awaited<ReturnType<World["inspect"]>>,
  ports: FailPorts | null,
  json = false,
) {
  const stdout = new Captured();
  const stop = new AbortController().signal;
  const order = { who: "ann", why: "bad input" };
  const failing = failOpen(letters, order, ports, { quiet: stop, kill: stop }, { json, stdout, env: {} });
  return { code: await world.over(failing), lines: stdout.lines };
}

const cells = (lines: readonly string[]) => lines.map((line) => line.split(/ {2,}/));
const NOT_OPEN = "not failed: only an open attempt of a run that waits can be";

describe("the table of taskiq fail", () => {
  test("taskiq fail without --yes shows what it would do to each letter, and does nothing", async (t) => {
    const world = await bench(t);
    const { letters, openId, overId, namelessId } = await threeLetters(world);
    const { code, lines } = await shown(world, letters, null);
    assert.equal(code, 1, "not all that are meant can be failed");
    const [, overVerdict, namelessVerdict] = letters.map(({ verdict }) => verdict.words);
    assert.deepEqual(cells(lines), [
      ["ID", "RUN", "STEP", "VERDICT", "FAILURE"],
      [
        openId,
        "open-run",
        "open #2",
        "run still waiting (SQS moved it): replay, or leave it to the sweep",
        "to be recorded in Dagster",
      ],
      [overId, "over-run", "over", overVerdict, NOT_OPEN],
      [namelessId, "-", "-", namelessVerdict, NOT_OPEN],
    ]);
    assert.deepEqual(world.runner.reports, []);
  });

  test("taskiq fail --yes shows what it did to each letter", async (t) => {
    const world = await bench(t);
    const { letters } = await threeLetters(world);
    const { code, lines } = await shown(world, letters, world.ports);
    assert.equal(code, 1);
    assert.deepEqual(
      cells(lines).map((row) => row.at(-1)),
      ["FAILURE", "recorded in Dagster", NOT_OPEN, NOT_OPEN],
    );
    assert.equal(world.runner.reports.length, 1);
  });

  test("taskiq fail exits with 0 when all letters were failed, prints the same as JSON, and prints nothing for no letters", async (t) => {
    const world = await bench(t);
    await world.moved();
    const letters = await world.inspect();
    const { code, lines } = await shown(world, letters, world.ports, true);
    const [{ letter } = assert.fail()] = letters;
    assert.deepEqual(
      [code, lines.map((line) => JSON.parse(line))],
      [0, [{ message_id: letter.message.id, key: "run-1:load", kind: "failed", words: "recorded in Dagster" }]],
    );
    assert.deepEqual(await shown(world, [], world.ports), { code: 0, lines: [] });
  });

  test("taskiq fail asks to be started again when a failure could not be recorded in Dagster", async (t) => {
    const world = await bench(t);
    await world.moved();
    const letters = await world.inspect();
    world.runner.down = "no such database";
    const { code, lines } = await shown(world, letters, world.ports);
    assert.deepEqual([code, cells(lines)[1]?.at(-1)], [1, "could not be recorded; run this again"]);
  });
});
