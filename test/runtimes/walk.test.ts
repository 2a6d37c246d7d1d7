// Every command once on the runtime under test, in the surroundings of production: SQS over HTTPS,
// the ledger in PostgreSQL over TLS. What kills leave, the control endpoint and a stop are seen on
// the way. Steps are those of a step host without Dagster, which runs in Python wherever taskiq
// runs.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { homeWithHost } from "../support/dagster/step-hosts.ts";
import { eventually } from "../support/eventually.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { createQueues, LOCAL_CREDENTIALS, LOCAL_REGION, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import { startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { AUTHORITY, startHttpsFront, startTlsFront } from "../support/sqs/tls-front.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

const databases = await ledgerDatabases();
/** Many tests may share the machine, and one that waits for a fact costs nothing. */
const PATIENCE_MS = 120_000;

/** A queue, a database and a home of this test, and taskiq in between. */
async function openSite(t: TestContext) {
  const home = homeWithHost("walk");
  writeFileSync(join(home, "authority.pem"), AUTHORITY);
  const server = await startSqsServer();
  const pair = await createQueues(asLocalSqs(server), "steps", { maxReceiveCount: 50 });
  const queues = await startHttpsFront(t, addressOf(server.endpoint));
  const { target, admin } = await databases.make(t);
  const ledger = await startTlsFront(t, target);
  const port = await freePort();
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    DAGSTER_HOME: home,
    TASKIQ_STATE_DIR: join(home, "state"),
    TASKIQ_PYTHON: join(home, "python"),
    TASKIQ_WORKER_HEALTH_PORT: String(port),
    TASKIQ_LOG_FORMAT: "json",
    TASKIQ_WAIT_TIME: "1s",
    TASKIQ_VISIBILITY_TIMEOUT: "10s",
    TASKIQ_SWEEP_INTERVAL: "off",
    NODE_EXTRA_CA_CERTS: join(home, "authority.pem"),
    DENO_CERT: join(home, "authority.pem"),
    TASKIQ_LEDGER_URL: ledgerUrl({ ...target, port: ledger.port }, join(home, "authority.pem")),
    TASKIQ_QUEUE_URL: `https://localhost:${queues.port}/000000000000/${pair.name}`,
    AWS_ENDPOINT_URL_SQS: `https://localhost:${queues.port}`,
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  };
  const started: WorkerProcess[] = [];
  t.after(async () => {
    if ((t as TestContext & { passed?: boolean }).passed === false)
      for (const each of started) console.error(each.tail());
    for (const each of started) if (each.running) await each.stop();
    await server.stop();
    rmSync(home, { recursive: true });
  });
  const start = (...args: readonly string[]) => {
    const made = new WorkerProcess({ args, env });
    started.push(made);
    return made;
  };
  const [source, deadLetters] = [server.model.queue(pair.name), server.model.queue(pair.deadLetterName)];
  const send = (stepKey: string) =>
    void source.send({ body: bodyFor(stepKey), groupId: stepKey, deduplicationId: stepKey });
  const release = () => writeFileSync(join(home, "log", "release"), "");
  const hold = () => rmSync(join(home, "log", "release"));
  return { start, send, release, hold, source, deadLetters, admin, port, fronts: { queues, ledger } };
}

type Site = Awaited<ReturnType<typeof openSite>>;

function addressOf(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

function ledgerUrl(target: { user: string; port: number; database: string }, authority: string): string {
  const parameters = new URLSearchParams({ sslmode: "verify-full", sslrootcert: authority });
  return `postgres://${target.user}@localhost:${target.port}/${target.database}?${parameters}`;
}

/** Runs one that ends by itself; answers what it wrote to stdout. */
async function ended({ start }: Site, code: number, ...args: readonly string[]): Promise<string> {
  const command = start(...args);
  assert.deepEqual(await command.exit(PATIENCE_MS), { code, signal: null }, command.tail());
  return command.stdout.join("\n");
}

async function settled({ admin }: Site, stepKey: string): Promise<Record<string, unknown>> {
  const look = async () => {
    const [row] = await admin`SELECT * FROM taskiq_idempotency_records WHERE step_key = ${stepKey}`;
    return row?.["state"] === "completed" && row;
  };
  return await eventually(`the ledger has the outcome of ${stepKey}`, look, PATIENCE_MS);
}

async function said(worker: WorkerProcess, event: string): Promise<void> {
  await worker.said(event, undefined, PATIENCE_MS);
}

test("taskiq works from its tables to the last dead letter", async (t) => {
  const site = await openSite(t);
  const { start, send, source, deadLetters, port, fronts } = site;

  await t.test("migrate makes the tables", async () => {
    await ended(site, 0, "migrate");
    const { pending } = JSON.parse(await ended(site, 0, "migrate", "--check", "--json"));
    assert.deepEqual(pending, []);
  });

  await t.test("a killed step host and a killed worker cost a start each, and leave nothing", async () => {
    const first = start("run", "--worker-id", "first");
    await said(first, "worker.started");
    send("waits.for-two-kills");
    await said(first, "step.claimed");
    const below = () => first.processes().filter(({ parent }) => parent === first.pid);
    const runs = () => first.processes().length >= 3 && below();
    const [host] = await eventually("the step runs below its host", runs, PATIENCE_MS);
    process.kill(host?.pid ?? 0, "SIGKILL");
    await said(first, "host.lost");
    await eventually("the step runs again", () => first.count("step.claimed") === 2, PATIENCE_MS);
    await first.kill();
    await eventually("what it ran has ended, too", () => first.processes().length === 0, PATIENCE_MS);
    const second = start("run", "--worker-id", "second");
    await said(second, "step.claimed");
    site.release();
    const row = await settled(site, "waits.for-two-kills");
    assert.deepEqual([row["owner"], row["fence"], row["starts"]], ["second", "3", 3]);
    assert.deepEqual(await second.stop(), { code: 0, signal: null });
  });

  await t.test("run takes nothing while it is asked to be quiet, and a stop waits for what runs", async () => {
    const worker = start("run", "--worker-id", "third");
    await said(worker, "worker.started");
    await ended(site, 0, "healthcheck", "--ready");
    await ended(site, 0, "quiet", "--local", "--wait");
    await ended(site, 1, "healthcheck", "--ready");
    await ended(site, 0, "resume", "--local");
    site.hold();
    send("waits.for-the-stop");
    await said(worker, "step.claimed");
    const shown = async (path: string) => await (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
    assert.match(await shown(""), /<script type="module">.+<\/script>/s);
    assert.match(await shown("status.json"), /"running":\[\{"run_id":"[^"]+","step_key":"waits\.for-the-stop"/);
    worker.signal("SIGTERM");
    await said(worker, "worker.stopping");
    site.release();
    assert.deepEqual(await worker.exit(PATIENCE_MS), { code: 0, signal: null }, worker.tail());
    assert.equal((await settled(site, "waits.for-the-stop"))["starts"], 1);
    assert.deepEqual([source.inspect().length, worker.processes()], [0, []]);
  });

  await t.test("drain buries what cannot run, inspect-dlq says why, replay has it run", async () => {
    send("cannot_run");
    const park = ["--max-starts", "1", "--on-exhausted", "park"];
    const { buried } = JSON.parse(await ended(site, 1, "drain", ...park, "--settle", "1s", "--json"));
    assert.deepEqual([buried, deadLetters.inspect().length], [1, 1]);
    const letter = JSON.parse(await ended(site, 0, "inspect-dlq", "--json"));
    assert.deepEqual([letter["step_key"], letter["run_id"]], ["cannot_run", "run-1"]);
    const [line] = (await ended(site, 0, "replay", "--yes", "--why", "it can run now", "--json")).split("\n");
    assert.equal(JSON.parse(line ?? "").end, "sent");
    assert.deepEqual([source.inspect().length, deadLetters.inspect().length], [1, 0]);
  });

  await t.test("doctor can check all that run needs, and misses only what this step host lacks", async () => {
    const { checks } = JSON.parse(await ended(site, 0, "doctor", "--json"));
    const doubted = checks.filter(({ level }: { level: string }) => level !== "ok");
    assert.equal(checks.length, 14);
    assert.deepEqual(
      doubted.map(({ check, level }: { check: string; level: string }) => `${level} ${check}`),
      ["warn versions", "warn dagster home"],
    );
  });

  await t.test("dev serves a queue and a worker of its own until Ctrl-C, and leaves nothing", async () => {
    const dev = start("dev", "--no-ui", "-m", "of_no_consequence");
    const [, url = ""] = await dev
      .said("not-json", ({ message }) => message.includes("TASKIQ_QUEUE_URL="), PATIENCE_MS)
      .then(({ message }) => /TASKIQ_QUEUE_URL=(\S+)/.exec(message) ?? []);
    await sendMessage({ endpoint: new URL(url).origin }, url, {
      body: bodyFor("of_dev"),
      groupId: "g",
      deduplicationId: "d",
    });
    const isOver = () => dev.log.some(({ message }) => /step\.ended.*of_dev/.test(message));
    await eventually("its worker runs the step", isOver, PATIENCE_MS);
    dev.signal("SIGINT");
    assert.deepEqual(await dev.exit(PATIENCE_MS), { code: 0, signal: null }, dev.tail());
    await eventually("nothing of it is left", () => dev.processes().length === 0, PATIENCE_MS);
    await assert.rejects(fetch(url));
  });

  assert.ok(fronts.queues.secured() > 0 && fronts.ledger.secured() > 0, "all of it went over TLS");
});
