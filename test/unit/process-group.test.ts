// Killing a process group: all of it, and no harm when it is gone.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { killGroup, killMarked } from "../../core/process-group.ts";
import { eventually } from "../support/eventually.ts";
import { markedProcesses, noneMarked } from "../support/taskiq/marked-processes.ts";

test("a process group is killed with every process in it", async (t) => {
  const id = randomUUID();
  const mark = `TASKIQ_TEST=${id}` as const;
  t.after(async () => await noneMarked(mark));
  // A leader that ignores what it can, and a child of it.
  const script = "trap '' TERM INT HUP; sleep 600 & wait; sleep 600";
  const child = spawn("sh", ["-c", script], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, TASKIQ_TEST: id },
  });
  const exited = once(child, "exit");
  await eventually("both run", () => markedProcesses(mark).length === 2);
  await killGroup(child.pid ?? 0, systemClock);
  await exited;
  assert.deepEqual(markedProcesses(mark), []);
  await killGroup(child.pid ?? 0, systemClock);
});

test("processes with a mark are killed in any group, and no others", async (t) => {
  const [id, other] = [randomUUID(), randomUUID()];
  const start = (value: string) => {
    const script = "setsid sh -c 'sleep 600 & wait' & setsid sleep 600 & wait";
    return spawn("sh", ["-c", script], {
      detached: true,
      stdio: "ignore",
      env: { ...process.env, TASKIQ_TEST: value },
    });
  };
  t.after(async () => {
    await killMarked(`TASKIQ_TEST=${other}`, systemClock);
    await noneMarked(`TASKIQ_TEST=${other}`);
  });
  for (const value of [id, other]) {
    start(value);
    await eventually("all run", () => markedProcesses(`TASKIQ_TEST=${value}`).length === 4);
  }
  await killMarked(`TASKIQ_TEST=${id}`, systemClock);
  assert.deepEqual(markedProcesses(`TASKIQ_TEST=${id}`), []);
  assert.equal(markedProcesses(`TASKIQ_TEST=${other}`).length, 4);
});
