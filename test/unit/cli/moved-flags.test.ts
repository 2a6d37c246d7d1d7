// Flags that have become commands: what runs in their place, with what, and what stays refused.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commands } from "../../../cli/commands.ts";
import { movedTo } from "../../../cli/moved-flags.ts";
import { machine } from "./known-machine.ts";

const env = { TASKIQ_QUEUE_NAME: "steps.fifo", DAGSTER_HOME: "/dagster", TASKIQ_DAGSTER_URL: "https://d.example" };

async function moved(line: string, more: Readonly<Record<string, string>> = {}) {
  const [name = "", ...argv] = line.split(" ");
  const listed = commands.find((one) => one.name === name) ?? assert.fail(name);
  const found = await movedTo(listed, argv, { env: { ...env, ...more } }, commands);
  if (found === null) return null;
  const { to, notice, problems } = found;
  const prepared = (await to.load()).prepare(found.argv, env, machine);
  return { runs: [to.name, ...found.argv].join(" "), notice, problems: [...problems, ...prepared.problems] };
}

describe("a flag that has become a command", () => {
  const rows: readonly [string, string, Readonly<Record<string, string>>?][] = [
    ["replay --purge", "purge"],
    ["replay --run r1 --purge --yes --why w --json", "purge --run=r1 --yes=true --why=w --json=true"],
    ["replay --purge --rate 5 --wait --wait-timeout 1h", "purge --rate=5"],
    ["replay --fail --id a --id b", "fail --id=a --id=b"],
    [
      "replay --reexecute --purge --dagster-url https://e.example",
      "reexecute --purge=true --dagster-url=https://e.example",
    ],
    ["drain --quiet-only --wait --max-time 30m", "quiet --local --wait=true --max-time=30m"],
    ["drain --quiet-only --worker-id w-1 --state-dir /run/t -m defs", "quiet --local --worker=w-1 --state-dir=/run/t"],
    ["drain --quiet-only --wait", "quiet --local --wait=true --worker=w-2", { TASKIQ_WORKER_ID: "w-2" }],
    ["drain --quiet-only --wait", "quiet --local --wait=true --max-time=5m", { TASKIQ_DRAIN_MAX_TIME: "5m" }],
    ["drain --quiet-only --max-time 30m", "quiet --local"],
    ["drain --quiet-only", "quiet --local", { TASKIQ_DRAIN_MAX_TIME: "5m" }],
    ["drain --resume --json", "resume --local --json=true"],
    ["drain --resume --print-config", "resume --local --print-config"],
  ];
  for (const [line, runs, more] of rows) {
    test(`taskiq ${line} runs taskiq ${runs}`, async () => {
      const found = await moved(line, more);
      assert.deepEqual([found?.runs, found?.problems], [runs, []]);
    });
  }

  test("a flag that has become a command says which command replaces it", async () => {
    assert.equal((await moved("replay --fail"))?.notice, "--fail will be removed: use taskiq fail instead");
    const notice = "--quiet-only will be removed: use taskiq quiet --local instead";
    assert.equal((await moved("drain --quiet-only"))?.notice, notice);
  });

  const refused: readonly [string, RegExp][] = [
    ["replay --fail --purge", /^only one of these can be given: --fail, --purge$/],
    ["replay --fail --reexecute", /^only one of these can be given: --fail, --reexecute$/],
    ["replay --fail --no-dagster", /^only one of these can be given: --fail, --no-dagster$/],
    ["replay --purge --canary 3", /^only one of these can be given: --purge, --canary$/],
    ["replay --reexecute --canary=3", /^only one of these can be given: --reexecute, --canary$/],
    ["drain --quiet-only --resume", /^only one of these can be given: --quiet-only, --resume$/],
    ["drain --resume --wait", /^only one of these can be given: --resume, --wait$/],
    ["replay --purge --yes", /^--yes needs --why/],
    ["replay --purge --frobnicate", /^unknown option --frobnicate$/],
  ];
  for (const [line, says] of refused) {
    test(`taskiq ${line} is refused as before`, async () => {
      const { problems = [] } = (await moved(line)) ?? {};
      assert.deepEqual([problems.length, says.test(problems[0] ?? "")], [1, true], problems.join("\n"));
    });
  }

  test("a moved flag's text is left alone in another command or in a value", async () => {
    for (const line of ["purge --yes", "replay --why=--purge", "reexecute --purge"])
      assert.equal(await moved(line), null);
  });
});
