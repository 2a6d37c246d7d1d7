// A chaos run that is killed leaves no process, not even one that stands still.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { markedProcesses, noneMarked } from "../support/taskiq/marked-processes.ts";

const root = new URL("../../", import.meta.url).pathname;

test("a chaos run that is killed takes everything with it, also what was stopped", async () => {
  const mark = `TASKIQ_TEST_CHAOS=${process.pid}` as const;
  const [name = "", value = ""] = mark.split("=");
  const run = spawn(process.execPath, ["dev/chaos.ts", "--steps", "1000", "--seed", "1"], {
    cwd: root,
    env: { ...process.env, [name]: value },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acts = createInterface({ input: run.stdout });
  const acted = new Promise((resolve) => acts.on("line", (line) => / s {2}\w+: /.test(line) && resolve(line)));
  await acted;
  const [warden] = markedProcesses(mark).filter(({ command }) => command.includes("warden.ts"));
  const home = warden?.command.split(" ").at(-1) ?? assert.fail("the run has no warden");
  const below = markedProcesses(`DAGSTER_HOME=${home}`);
  const worker = below.find(({ command }) => command.includes("taskiq.mjs run")) ?? assert.fail("no worker");
  process.kill(worker.pid, "SIGSTOP");
  await eventually("the worker stands still", () => / T /.test(readFileSync(`/proc/${worker.pid}/stat`, "utf8")));
  run.kill("SIGKILL");
  await noneMarked(`DAGSTER_HOME=${home}`, 30_000);
  await noneMarked(mark, 30_000);
  assert.equal(existsSync(home), false);
});
