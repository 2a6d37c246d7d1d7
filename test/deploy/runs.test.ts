// What the production example and the plain task definition give a task is what a worker in the
// image needs: one starts with it, and runs a step.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import postgres from "postgres";
import { freePort } from "../../cli/dev/ports.ts";
import { EcsAgentServer } from "../support/aws/ecs-agent.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { pages, root } from "../support/pages.ts";
import { type PostgresServer, startPostgres } from "../support/postgres/postgres-server.ts";
import { createQueues, LOCAL_CREDENTIALS, type LocalSqs } from "../support/sqs/local-sqs.ts";
import { startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { ContainerTree } from "../support/taskiq/container-tree.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

interface Container {
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: { readonly command: readonly string[] };
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly name: string; readonly valueFrom: string }[];
}

/** As a person fills it in. */
const filledIn = {
  HOST: "db.internal",
  REGION: "eu-central-1",
  ACCOUNT: "123456789012",
  MODULE: "my_project.definitions",
};

const containers: Readonly<Record<string, () => Container>> = {
  "the production example": () => JSON.parse(node(join(root, "deploy/test/example-resources.ts"))),
  "the plain task definition": () => {
    const template = readFileSync(join(root, "deploy/task-definition.json"), "utf8");
    const filled = template.replace(
      /\b(?:HOST|REGION|ACCOUNT|MODULE)\b/g,
      (name) => filledIn[name as keyof typeof filledIn],
    );
    return JSON.parse(filled).containerDefinitions[0];
  },
};

function node(program: string): string {
  return execFileSync(process.execPath, [program], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** The first code of README.md, in the layout that Python's packaging guide recommends. */
const project = {
  "pyproject.toml": `[project]
name = "my_project"
version = "1.0.0"
dependencies = ["dagster", "dagster-taskiq"]
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
`,
  "src/my_project/__init__.py": "",
  "src/my_project/definitions.py":
    pages.find(({ path }) => path === "README.md")?.blocks.find(({ language }) => language === "python")?.text ?? "",
};

let postgresServer: PostgresServer;
let sqs: LocalSqs;
let agent: EcsAgentServer;
let tree: ContainerTree;

before(async () => {
  const started = await Promise.all([startPostgres(), startSqsServer(), EcsAgentServer.start()]);
  [postgresServer, sqs, agent] = [started[0], asLocalSqs(started[1]), started[2]];
  tree = new ContainerTree();
  tree.installProject(project);
  await createQueues(sqs, "steps", { maxReceiveCount: 100 });
});
after(async () => {
  tree.remove();
  await Promise.all([postgresServer.stop(), sqs.stop(), agent.stop()]);
});

for (const [name, read] of Object.entries(containers)) {
  describe(name, () => {
    let container: Container;
    let given: Readonly<Record<string, string>>;
    before(async () => {
      container = read();
      given = Object.fromEntries([
        ...container.environment.map((each) => [each.name, each.value]),
        ...container.secrets.map((each) => [each.name, `the value of ${each.valueFrom}`]),
      ]);
      await makeDatabases(given);
    });

    test(`the container of ${name} starts a worker that is ready, and runs a step of a job`, async (t) => {
      const [program, ...first] = taskiqCommand();
      const env = { ...tree.variables, ...given, ...(await hereFor(given)) };
      const worker = new WorkerProcess({
        command: [program, ...first],
        args: container.command,
        env,
        cwd: tree.workingDirectory,
      });
      t.after(() => (worker.running ? worker.stop() : undefined));
      assert.deepEqual(container.entryPoint, ["taskiq"]);
      await eventually("it is ready or gone", () => !worker.running || worker.count("worker.started") > 0, 120_000);
      assert.ok(worker.running, worker.tail());
      const [, ...probe] = container.healthCheck.command.slice(1);
      await eventually(
        "the container's health check passes",
        () => spawnSync(program, [...first, ...probe], { env }).status === 0,
      );

      const args = ["-m", "dagster", "job", "execute", "-m", "my_project.definitions", "-j", "nightly"];
      const run = spawn(PYTHON, args, { env, cwd: tree.workingDirectory, stdio: ["ignore", "ignore", "pipe"] });
      const [said] = await Promise.all([text(run.stderr), once(run, "close")]);
      assert.equal(run.exitCode, 0, `${said}\n${worker.tail()}`);
      await eventually("its message is deleted", async () => (await sqs.inspect("steps.fifo")).length === 0);

      assert.deepEqual(await ask(given["DAGSTER_POSTGRES_DB"], "SELECT status FROM runs"), [{ status: "SUCCESS" }]);
      const rows = await ask(given["POSTGRES_DB"], "SELECT step_key, starts FROM taskiq_idempotency_records");
      assert.deepEqual(rows, [{ step_key: "hello", starts: 1 }]);
      assert.ok(agent.asked.includes("protect 10"), "a busy task is protected");
    });
  });
}

/** Only where things are differs from the task: its hosts, its ports, and who gives credentials. */
async function hereFor(variables: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
  const { hostname, port } = new URL(postgresServer.url);
  for (const host of ["DAGSTER_POSTGRES_HOST", "POSTGRES_HOST"]) assert.equal(variables[host], "db.internal", host);
  assert.match(String(variables["TASKIQ_QUEUE_URL"]), /\/steps\.fifo$/);
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: tree.path,
    TMPDIR: join(tree.path, "tmp"),
    DAGSTER_POSTGRES_HOST: hostname,
    DAGSTER_POSTGRES_PORT: port,
    POSTGRES_HOST: hostname,
    POSTGRES_PORT: port,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    ECS_AGENT_URI: agent.uri,
    TASKIQ_WORKER_HEALTH_PORT: String(await freePort()),
  };
}

/** The roles and databases that the task is given, fresh. */
async function makeDatabases(variables: Readonly<Record<string, string>>): Promise<void> {
  const admin = postgres(postgresServer.url, { onnotice: () => undefined });
  for (const prefix of ["DAGSTER_POSTGRES", "POSTGRES"]) {
    const [user, database, password] = ["USER", "DB", "PASSWORD"].map((each) => variables[`${prefix}_${each}`] ?? "");
    assert.ok(user && database && password, `${prefix}: ${user} ${database}`);
    await admin.unsafe(`DROP DATABASE IF EXISTS "${database}"`);
    await admin.unsafe(`DROP ROLE IF EXISTS "${user}"`);
    await admin.unsafe(`CREATE ROLE "${user}" LOGIN PASSWORD '${password}'`);
    await admin.unsafe(`CREATE DATABASE "${database}" OWNER "${user}"`);
  }
  await admin.end();
}

async function ask(database = "", question = ""): Promise<readonly object[]> {
  const client = postgres(new URL(database, postgresServer.url).href);
  const rows = await client.unsafe(question);
  await client.end();
  return rows.map((row) => ({ ...row }));
}
