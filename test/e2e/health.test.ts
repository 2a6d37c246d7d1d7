// The health of a real worker, over HTTP and as its container asks: ready while it takes steps, alive until it is gone.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { announced, Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { WorkerProcess } from "../support/worker-process.ts";

describe("a worker's health", () => {
  let deployment: Deployment;
  let port: number;

  before(async () => {
    deployment = await Deployment.open();
    port = await freePort();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("is told from its start to its end", async () => {
    const worker = deployment.spawnWorker({ flags: ["--health-port", String(port), "--grace", "60s"] });
    // The server is there before Dagster is imported, which may take long.
    assert.deepEqual(await eventually("it answers", () => ask("readyz")), [503, "starting"]);
    assert.deepEqual(await ask("livez"), [200, "ok"]);
    await worker.said("worker.started");
    await eventually("it is ready", async () => (await ask("readyz"))[0] === 200);
    assert.deepEqual(await healthcheck(), [0, []]);
    assert.deepEqual(await healthcheck("--ready"), [0, []]);

    const { started, release } = deployment.files();
    await deployment.dagster.launch("waits_for_file", { ops: { wait: { config: { started, release } } } });
    await announced(started);
    worker.signal("SIGTERM");
    await worker.said("worker.stopping");
    assert.deepEqual(await ask("readyz"), [503, "stopping"]);
    assert.deepEqual(await ask("livez"), [200, "ok"]);
    assert.deepEqual(await healthcheck(), [0, []]);
    assert.deepEqual(await healthcheck("--ready"), [
      1,
      [`taskiq healthcheck: 127.0.0.1:${port}/readyz says 503: stopping`],
    ]);
    writeFileSync(release, "");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.deepEqual(await healthcheck(), [1, [`taskiq healthcheck: no worker listens on 127.0.0.1:${port}`]]);
  });

  async function ask(page: string): Promise<readonly [number, string]> {
    const response = await fetch(`http://127.0.0.1:${port}/${page}`);
    const { why } = (await response.json()) as { why: string };
    return [response.status, why];
  }

  /** Exit code, and what it says. */
  async function healthcheck(...flags: readonly string[]): Promise<readonly [number | null, readonly string[]]> {
    const check = new WorkerProcess({
      args: ["healthcheck", ...flags],
      env: { TASKIQ_WORKER_HEALTH_PORT: String(port) },
    });
    const { code } = await check.exit();
    return [code, check.log.map(({ message }) => message)];
  }
});
