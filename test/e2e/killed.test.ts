// SIGKILL in the two places that matter: after the step's terminal event and before its row, and
// before any event at all.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

type Kill = (worker: WorkerProcess) => Promise<void>;

const kills: readonly (readonly [who: string, kill: Kill])[] = [
  ["with everything in its container", (worker) => worker.killContainer()],
  ["alone", (worker) => worker.kill()],
];

describe("a worker killed", () => {
  let deployment: Deployment;
  afterEach(async (t) => {
    await deployment.explain(t);
    await deployment.close();
  });

  for (const [who, kill] of kills) {
    test(`a worker killed ${who} leaves each step to another, and each outcome is recorded once`, async () => {
      deployment = await Deployment.open();
      const { dagster } = deployment;
      const first = await deployment.startWorker({ id: "worker-1" });
      const recorded = deployment.files();
      const unfinished = deployment.files();
      const config = { ops: { ...opConfig("succeed_at_once", recorded), ...opConfig("wait", unfinished) } };
      const runId = await dagster.launch("half_done", config);
      const { pid: hookPid } = await announced(recorded.started);
      const { pid: firstPid } = await announced(unfinished.started);
      // The recorder writes it a moment after the step has begun.
      await eventually("its start is in the log", async () => (await starts(runId, "wait")) === 1);
      assert.deepEqual(statesOf(runId), { succeed_at_once: "permitted", wait: "running" });
      const below = first.processes().map(({ pid }) => pid);
      assert.ok(
        [first.pid, hookPid, firstPid].every((pid) => below.includes(pid)),
        "all its processes are seen",
      );

      await kill(first);
      await eventually("none of its processes is left", () => first.processes().length === 0, 5_000);
      const queued = (await deployment.queued()).map(({ groupId }) => groupId);
      assert.deepEqual(queued.toSorted(), [`${runId}:succeed_at_once`, `${runId}:wait`]);
      assert.deepEqual(statesOf(runId), { succeed_at_once: "permitted", wait: "running" });

      const second = await deployment.startWorker({ id: "worker-2" });
      const secondPid = await eventually(
        "the unfinished step runs again",
        () => {
          const { pid } = JSON.parse(readFileSync(unfinished.started, "utf8")) as { pid: number };
          return pid !== firstPid && pid;
        },
        40_000,
      );
      assert.ok(second.processes().some(({ pid }) => pid === secondPid));
      // The run is still under way: a second terminal event now would have Dagster's executor fail
      // it.
      await eventually(
        "the recorded step is settled",
        () => statesOf(runId)["succeed_at_once"] === "completed",
        40_000,
      );
      writeFileSync(unfinished.release, "");
      assert.equal(await dagster.finished(runId), "SUCCESS");
      await recordedOnce(deployment, runId);

      assert.equal(await starts(runId, "succeed_at_once"), 1, "what was recorded did not run again");
      assert.equal((JSON.parse(readFileSync(recorded.started, "utf8")) as { pid: number }).pid, hookPid);
      assert.equal(await starts(runId, "wait"), 2);
      for (const row of deployment.ledger(runId)) {
        assert.deepEqual([row.state, row.owner, row.fence, row.starts], ["completed", "worker-2", 2, 2]);
      }
      assert.deepEqual(await deployment.deadLetters(), []);
      const messages = (await dagster.records(runId)).map(({ message }) => message);
      assert.ok(
        messages.includes("Claimed by worker worker-2: start 2, taken over from worker worker-1, whose lease ended."),
        "Dagster's log names the worker that was lost",
      );
    });
  }

  test("the processes of a killed worker's steps die within five seconds", async () => {
    deployment = await Deployment.open();
    const worker = await deployment.startWorker();
    const files = deployment.files();
    await deployment.dagster.launch("waits_with_child", { ops: opConfig("wait_with_child", files) });
    const { pid, parent } = await announced(files.started);
    const grandchild = await eventually("the step's own child runs", () =>
      worker.processes().find((one) => one.parent === pid && one.command.includes("time.sleep(600)")),
    );
    const below = worker.processes().map((one) => one.pid);
    assert.ok([worker.pid, parent, pid, grandchild.pid].every((one) => below.includes(one)));
    await worker.kill();
    await eventually("none of its processes is left", () => worker.processes().length === 0, 5_000);
  });

  function statesOf(runId: string): Readonly<Record<string, string>> {
    return Object.fromEntries(deployment.ledger(runId).map(({ step, state }) => [step.stepKey, state]));
  }

  async function starts(run: string, step: string): Promise<number> {
    return (await deployment.dagster.eventsOf(run, step)).filter((type) => type === "STEP_START").length;
  }
});

function opConfig(op: string, { started, release }: { readonly started: string; readonly release: string }) {
  return { [op]: { config: { started, release } } };
}
