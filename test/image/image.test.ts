// The image's own file tree, started as a container engine would start it, with a real Dagster
// outside. `npm run image:check` runs this.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { IMAGE_COMMIT, IMAGE_EPOCH } from "../../dev/image/build-image.ts";
import { type ContainerOptions, containerCommand, type ImageConfig } from "../../dev/image/container.ts";
import { DEFINITIONS_PARENT } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { type PostgresServer, startPostgres } from "../support/postgres/postgres-server.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { zombiesOf } from "../support/taskiq/marked-processes.ts";
import { firstBelow, hostAndBelow } from "../support/taskiq/pid-one.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

const tree = process.env["TASKIQ_IMAGE_TREE"] ?? "";
const config: ImageConfig = JSON.parse(process.env["TASKIQ_IMAGE_CONFIG"] ?? "{}");
const folders = [`${DEFINITIONS_PARENT}/definitions:/app/definitions`];

function runInImage(entrypoint: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runIn({ tree, config, entrypoint, folders }, env);
}

function runIn(options: ContainerOptions, env: Readonly<Record<string, string>> = {}) {
  const container = containerCommand(options);
  const [program, ...args] = container.command;
  return spawnSync(program, args, { env: { ...process.env, ...container.env, ...env }, encoding: "utf8" });
}

/**
 * Of all that runs in it, and of what has run and was reaped; the kernel counts in hundredths of a
 * second.
 */
function cpuSeconds(container: WorkerProcess): number {
  const ticks = container.processes().flatMap(({ pid }) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 15)
      .map(Number);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / 100;
}

describe("the image", () => {
  test("the image starts taskiq run, as an unprivileged user", () => {
    assert.deepEqual(config.Entrypoint, ["taskiq"]);
    assert.deepEqual(config.Cmd, ["run"]);
    assert.equal(config.User, "65532:65532");
  });

  test("the image has no shell, and nothing that could be one", () => {
    const programs = ["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"].flatMap((folder) =>
      existsSync(join(tree, folder)) ? readdirSync(join(tree, folder)) : [],
    );
    assert.deepEqual(
      programs.filter((name) => !/^python3/.test(name)),
      ["taskiq"],
    );
  });

  test("the image cannot write anywhere but to /tmp", () => {
    const script = `
import os, tempfile
for folder in ("/", "/app", "/packages", "/opt/dagster/home", "/home/nonroot"):
    try:
        tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        assert error.errno == 30, (folder, error)
    else:
        raise SystemExit(f"{folder} can be written to")
tempfile.TemporaryFile()
print(os.getuid(), os.getpid())
`;
    const { stdout, stderr } = runInImage(["python3", "-c", script]);
    assert.equal(stdout, "65532 1\n", stderr);
  });

  test("the image has Dagster's daemon and webserver, and pip for images that are built on it", () => {
    for (const module of ["dagster._daemon", "dagster_webserver", "pip"]) {
      const { status, stderr, stdout } = runInImage(["python3", "-m", module, "--version"]);
      assert.equal(status, 0, `${module}: ${stderr}`);
      assert.notEqual(stdout, "", module);
    }
  });

  test("the image installs a project's package beside Dagster, and leaves Dagster as it was", () => {
    const script = `
import dagster, os, weather_station.definitions
from importlib.metadata import distributions
names = [each.name for each in distributions() if each.name.lower() in ("dagster", "weather_station")]
print(os.path.dirname(weather_station.__file__), os.path.dirname(dagster.__file__), sorted(names))
`;
    const project = { tree: process.env["TASKIQ_PROJECT_TREE"] ?? "", config, entrypoint: ["python3", "-c", script] };
    const { stdout, stderr } = runIn(project);
    const site = "/packages/lib/python3.11/site-packages";
    assert.equal(stdout, `${site}/weather_station ${site}/dagster ['dagster', 'weather_station']\n`, stderr);
  });

  test("the image says which commit its worker was built from", () => {
    const { commit, source_date: date } = JSON.parse(runInImage(["taskiq", "--version", "--json"]).stdout);
    assert.deepEqual([commit, Date.parse(date) / 1_000], [IMAGE_COMMIT, IMAGE_EPOCH]);
  });

  test("the image carries the licences and the bill of materials of its contents", () => {
    const documents = join(tree, "usr/share/doc/taskiq");
    assert.match(readFileSync(join(documents, "LICENSES.txt"), "utf8"), /valibot/);
    assert.equal(JSON.parse(readFileSync(join(documents, "sbom.cdx.json"), "utf8")).bomFormat, "CycloneDX");
  });
});

describe("a container of it", () => {
  let postgres: PostgresServer;
  let deployment: Deployment;
  let worker: WorkerProcess;
  let healthPort: number;
  let shared: string;

  before(async () => {
    postgres = await startPostgres();
    const { hostname, port } = new URL(postgres.url);
    const database = {
      DAGSTER_POSTGRES_HOST: hostname,
      DAGSTER_POSTGRES_PORT: port,
      DAGSTER_POSTGRES_USER: "postgres",
      DAGSTER_POSTGRES_DB: "postgres",
    };
    deployment = await Deployment.open(50, { ...database, DAGSTER_POSTGRES_PASSWORD: "unused" });
    writeFileSync(join(deployment.home, "dagster.yaml"), readFileSync(join(tree, "opt/dagster/home/dagster.yaml")));
    chmodSync(deployment.home, 0o755); // the container's user is another
    shared = join(deployment.home, "shared");
    mkdirSync(shared);
    healthPort = await freePort();
    worker = startContainer();
  });
  afterEach((t) => {
    if ((t as { passed?: boolean }).passed === false) console.error(worker.tail());
  });
  after(async () => {
    if (worker.running) await worker.kill();
    await deployment.close();
    await postgres.stop();
  });

  function environment(): Readonly<Record<string, string>> {
    const { DAGSTER_HOME: _home, HOME: _user, PATH: _path, ...outside } = deployment.env;
    return { ...outside, TASKIQ_LEDGER_URL: postgres.url, TASKIQ_WORKER_HEALTH_PORT: String(healthPort) };
  }

  function startContainer(): WorkerProcess {
    const instance = `${deployment.home}:/opt/dagster/home`;
    const container = containerCommand({ tree, config, folders: [...folders, instance, `${shared}:/shared`] });
    const args = [...config.Cmd, "-m", "definitions", "--wait-time", "1s", "--grace", "30s"];
    return new WorkerProcess({ args, env: { ...container.env, ...environment() }, command: container.command });
  }

  /** A container's health check runs beside the worker, in the same file tree. */
  const healthcheck = () => runInImage(["taskiq", "healthcheck"], environment());

  test("a container of the image runs a real Dagster job and answers its health check", async (t) => {
    const spawnedAt = performance.now();
    await eventually("it takes steps or is gone", () => !worker.running || worker.count("worker.started") > 0, 120_000);
    assert.ok(worker.running);
    const [took, cpu] = [(performance.now() - spawnedAt) / 1_000, cpuSeconds(worker)];
    t.diagnostic(`takes steps ${took.toFixed(1)} s after its start, ${cpu.toFixed(1)} s of them CPU time`);
    await eventually("it has been ready for long enough to be healthy", () => healthcheck().status === 0, 30_000);
    writeFileSync(join(shared, "at-once"), "");
    const step = { started: "/tmp/first", release: "/shared/at-once" };
    const runId = await deployment.dagster.launch("waits_for_file", { ops: { wait: { config: step } } });
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await deployment.queueEmpty();
  });

  test("a container of the image reaps, as PID 1, what a killed step host leaves, and the step runs again", async (t) => {
    const step = { started: "/tmp/with-child", release: "/shared/with-child" };
    const runId = await deployment.dagster.launch("waits_with_child", { ops: { wait_with_child: { config: step } } });
    const child = () => worker.processes().some(({ command }) => command.includes("time.sleep(600)"));
    await eventually("the step's own child runs", child, 60_000);
    const killed = hostAndBelow(worker);
    assert.ok(killed.length >= 3, "host, step and child");
    process.kill(killed[0] ?? 0, "SIGKILL");
    await worker.said("host.lost", undefined, 60_000);
    await eventually("all of them are reaped", () => !killed.some((pid) => existsSync(`/proc/${pid}`)));
    writeFileSync(join(shared, "with-child"), "");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await deployment.queueEmpty();
    const one = firstBelow(worker);
    await eventually("no zombie is left", () => zombiesOf(one).length === 0);
    const [, kib] = /^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, "utf8")) ?? [];
    t.diagnostic(`PID 1 takes ${(Number(kib) / 1024).toFixed(1)} MB`);
  });

  test("a container of the image lets its step finish after SIGTERM, and exits with 0", async () => {
    const step = { started: "/tmp/started", release: "/shared/release" };
    const runId = await deployment.dagster.launch("waits_for_file", { ops: { wait: { config: step } } });
    const began = async () => (await deployment.dagster.records(runId)).some(({ type }) => type === "STEP_START");
    await eventually("the step began", began, 60_000);
    process.kill(firstBelow(worker), "SIGTERM");
    await worker.said("worker.stopping");
    writeFileSync(join(shared, "release"), "");
    assert.deepEqual(await worker.exit(60_000), { code: 0, signal: null });
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await deployment.queueEmpty();
    assert.equal(healthcheck().status, 1);
  });
});
