// A worker that ECS is asked to spare while it is busy, with an agent as ECS puts one beside it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { EcsAgentServer } from "../support/aws/ecs-agent.ts";
import { eventually } from "../support/eventually.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

describe("a worker with task protection", () => {
  let agent: EcsAgentServer;
  let deployment: Deployment;
  let worker: WorkerProcess;

  before(async () => {
    agent = await EcsAgentServer.start();
    deployment = await Deployment.open(50, { ECS_AGENT_URI: agent.uri });
    worker = await deployment.startWorker({ flags: ["--task-protection", "--grace", "60s"] });
  });
  afterEach((t) => deployment.explain(t));
  after(async () => {
    await deployment.close();
    await agent.stop();
  });

  async function launch() {
    const { started, release } = deployment.files();
    const runId = await deployment.dagster.launch("waits_for_file", {
      ops: { wait: { config: { started, release } } },
    });
    await announced(started);
    return { runId, release };
  }

  test("a worker protects its task while a step runs, and not when none does", async () => {
    assert.deepEqual(agent.asked, []);
    const { runId, release } = await launch();
    await eventually("it is protected", () => agent.minutes === 10);
    writeFileSync(release, "");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await eventually("it is not any more", () => agent.minutes === null);
    assert.deepEqual(agent.asked, ["protect 10", "drop"]);
  });

  test("a worker loses nothing when ECS refuses protection, and gives it up as soon as it has to stop", async () => {
    agent.trouble = { is: "failure", reason: "TASK_NOT_VALID" };
    const { runId, release } = await launch();
    const failed = await worker.said("protection.failed");
    assert.equal(failed.message, "could not protect this task from being stopped: TASK_NOT_VALID");
    agent.trouble = null;
    await eventually("it is protected", () => agent.minutes === 10);
    worker.signal("SIGTERM");
    await worker.said("protection.off", ({ steps }) => steps === 1);
    assert.deepEqual(agent.asked, ["protect 10", "drop", "protect 10", "drop"]);
    writeFileSync(release, "");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
  });

  test("task protection outside of ECS logs that it does nothing", async () => {
    const outside = deployment.spawnWorker({ flags: ["--task-protection"], env: { ECS_AGENT_URI: "" } });
    await outside.said("protection.missing");
    assert.deepEqual(await outside.stop(), { code: 0, signal: null });
  });
});
