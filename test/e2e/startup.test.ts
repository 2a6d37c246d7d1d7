// The start of a worker. The one file is enough, and so is the environment. A code location that
// cannot be imported closes the intake.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DEFINITIONS_PARENT, PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment, OPEN_AGAIN_MS } from "../support/taskiq/deployment.ts";
import { BUNDLE, taskiqCommand } from "../support/taskiq/taskiq-command.ts";

const OLD_DAGSTER = fileURLToPath(new URL("../../fixtures/old_dagster", import.meta.url));

describe("a worker starts", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a worker does not start on a Node that is too old, and names it with the one that it needs", async () => {
    const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(old)}`;
    const worker = deployment.spawnWorker({ command: [process.execPath, BUNDLE], env: { NODE_OPTIONS } });
    assert.deepEqual(await worker.exit(), { code: 2, signal: null });
    assert.match(worker.tail(), /taskiq needs Node 22\.19 or newer \(or Deno\), and this is Node 20\.20\.2\./);
  });

  test("a worker does not start with an unsupported Dagster, and names it with the supported range", async () => {
    const worker = deployment.spawnWorker({ env: { PYTHONPATH: OLD_DAGSTER } });
    assert.deepEqual(await worker.exit(), { code: 3, signal: null });
    assert.match(
      worker.tail(),
      /step host cannot work \(DAGSTER_VERSION\): Dagster 1\.9\.13 is installed, but dagster-taskiq \S+ supports Dagster 1\.10\.21 or newer, below 2\./,
    );
  });

  test("a worker starts from its one file, in an empty directory", async () => {
    const cwd = join(deployment.home, "alone");
    mkdirSync(cwd);
    const command = taskiqCommand();
    const file = command.at(-1) ?? "";
    const name = basename(file);
    copyFileSync(file, join(cwd, name));
    const alone = command.with(-1, join(cwd, name)) as [string, ...string[]];
    const worker = await deployment.startWorker({ command: alone, cwd });
    const runId = await deployment.dagster.launch("one_success");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
    assert.deepEqual(readdirSync(cwd), [name], "it leaves nothing beside it");
  });

  test("a worker starts without flags, from the environment, with the code location that the run names", async () => {
    const env = {
      ...deployment.env,
      TASKIQ_PYTHON: PYTHON,
      TASKIQ_WORKER_HEALTH_PORT: "0",
      TASKIQ_WORKER_CONCURRENCY: "2",
      TASKIQ_VISIBILITY_TIMEOUT: "10",
      TASKIQ_WAIT_TIME: "1",
      TASKIQ_LOG_FORMAT: "json",
      PYTHONPATH: DEFINITIONS_PARENT,
    };
    const worker = await deployment.startWorker({ args: ["run"], env });
    const runId = await deployment.dagster.launch("fan_in");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
  });

  test("a worker starts without its code location, and takes nothing until that can be imported", async () => {
    const broken = join(deployment.home, "mended_later.py");
    writeFileSync(broken, "raise RuntimeError('not today')\n");
    const flags = ["--working-directory", deployment.home, "--module-name", "mended_later"];
    const worker = deployment.spawnWorker({
      args: ["run", "--python", PYTHON, "--log-format", "json", "--health-port", "0", "--wait-time", "1s", ...flags],
      env: { PYTHONPATH: DEFINITIONS_PARENT },
    });
    const started = await worker.said("host.ready");
    assert.match(started.message, /^step host started: .*, without mended_later$/);
    const failed = await worker.said("host.location_failed");
    assert.match(failed.message, /^code location mended_later cannot be imported: RuntimeError: not today\n/);
    await worker.said("intake.closed");
    const runId = await deployment.dagster.launch("one_success");
    await eventually("the step is sent", async () => (await deployment.queued()).length === 1);
    assert.deepEqual(
      (await deployment.queued()).map(({ state, receiveCount }) => [state, receiveCount]),
      [["visible", 0]],
    );
    writeFileSync(broken, "from definitions import defs\n");
    await worker.said("host.location_imported");
    await worker.said("intake.open", undefined, OPEN_AGAIN_MS);
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.equal(worker.count("host.location_failed"), 1);
  });
});
