// The health of a real worker, over HTTP and as its container asks: ready while it takes steps,
// alive until it is gone.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

describe("a worker's health", () => {
  let deployment: Deployment;
  let port: number;

  before(async () => {
    deployment = await Deployment.open();
    port = await freePort();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a worker reports its health from its start to its end", async () => {
    const worker = deployment.spawnWorker({ flags: ["--health-port", String(port), "--grace", "60s"] });
    // The server is there before Dagster is imported, which may take long.
    assert.deepEqual(await eventually("it answers", () => ask("readyz")), [503, "starting"]);
    assert.deepEqual(await ask("livez"), [200, "ok"]);
    await worker.said("worker.started");
    await eventually("it is ready", async () => (await ask("readyz"))[0] === 200);
    assert.match(
      (await healthcheck())[1].join(),
      /healthz says 503: not ready yet: it has been ready for less than 5 s$/,
    );
    await eventually("it is healthy", async () => (await ask("healthz"))[0] === 200);
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

  test("a worker is not ready while its code cannot be imported, and ready as soon as it can", async () => {
    const code = join(deployment.home, "bad_deploy.py");
    writeFileSync(code, "raise RuntimeError('a bad deploy')\n");
    const flags = ["--working-directory", deployment.home, "--module-name", "bad_deploy"];
    const worker = deployment.spawnWorker({
      args: [
        "run",
        "--python",
        PYTHON,
        "--log-format",
        "json",
        "--health-port",
        String(port),
        "--ready-within",
        "25s",
        ...flags,
      ],
    });
    await worker.said("intake.closed");
    const why = "code location bad_deploy cannot be imported: RuntimeError: a bad deploy";
    assert.deepEqual(await ask("livez"), [200, "ok"]);
    assert.deepEqual(await healthcheck(), [
      1,
      [`taskiq healthcheck: 127.0.0.1:${port}/healthz says 503: not ready yet: ${why}`],
    ]);
    await eventually("its time is over", async () => (await ask("livez"))[0] === 503, 60_000);
    assert.deepEqual(await ask("livez"), [503, `not ready within 25s of its start: ${why}`]);
    writeFileSync(code, "from dagster import Definitions\ndefs = Definitions()\n");
    await eventually("it is healthy", async () => (await ask("healthz"))[0] === 200, 60_000);
    assert.deepEqual(
      [await ask("livez"), await healthcheck()],
      [
        [200, "ok"],
        [0, []],
      ],
    );
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
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
