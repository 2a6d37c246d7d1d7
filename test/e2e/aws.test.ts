// A worker on AWS, as far as it knows. Its queue has a host of AWS, behind a proxy with a
// certificate for it. Its credentials come from the endpoint of a container, and its steps from a
// step host without Dagster.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { LAST_MS } from "../../cli/signals.ts";
import { AWS_AUTHORITY, startAwsProxy } from "../support/aws/aws-proxy.ts";
import { startCredentialsServer } from "../support/aws/credentials-server.ts";
import { homeWithHost } from "../support/dagster/step-hosts.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import { startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { endProcesses } from "../support/taskiq/marked-processes.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

const HOST = "sqs.eu-west-1.amazonaws.com";

test("a worker runs steps behind a proxy and outlives a silent source of credentials", async (t) => {
  const server = await startSqsServer();
  const pair = await createQueues(asLocalSqs(server), "steps");
  const proxy = await startAwsProxy(t, server.endpoint);
  const source = await startCredentialsServer();
  source.expiresInMs = 5_000;
  const home = homeWithHost("aws");
  writeFileSync(join(home, "authority.pem"), AWS_AUTHORITY);
  const port = await freePort();
  const worker = new WorkerProcess({
    args: ["run", "--grace", "1s", "--wait-time", "1s", "--allow-local-ledger", "--python", join(home, "python")],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      DAGSTER_HOME: home,
      TASKIQ_STATE_DIR: join(home, "state"),
      TASKIQ_QUEUE_URL: `https://${HOST}/000000000000/${pair.name}`,
      TASKIQ_WORKER_HEALTH_PORT: String(port),
      HTTPS_PROXY: proxy.url,
      AWS_CA_BUNDLE: join(home, "authority.pem"),
      AWS_REGION: "us-east-1",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: source.url,
    },
  });
  t.after(async () => {
    if (!t.passed) console.error(worker.tail());
    endProcesses(worker.processes());
    source.stop();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  await sendMessage(asLocalSqs(server), pair.url, { body: bodyFor("succeeds"), groupId: "g", deduplicationId: "d" });
  await worker.said("step.ended");
  await eventually("the message is deleted", () => server.model.queue(pair.name).inspect().length === 0);
  const theirs = server.requests.filter(({ signedBy }) => signedBy.accessKeyId === "first");
  assert.deepEqual(
    new Set(theirs.map(({ host, signedBy }) => `${host} ${signedBy.region}`)),
    new Set([`${HOST} eu-west-1`]),
  );

  source.mood = "silent";
  const silentMs = performance.now();
  const ask = async (page: string) =>
    (await fetch(`http://127.0.0.1:${port}/${page}`)).json() as Promise<{ why: string }>;
  const why = await eventually(
    "the worker is not ready",
    async () => {
      const { why } = await ask("readyz");
      return why === "ok" ? null : why;
    },
    60_000,
  );
  const tookMs = performance.now() - silentMs;
  assert.match(
    why,
    /^no AWS credentials for ReceiveMessage on the queue .*: the container.s credentials endpoint .*: no answer within 2 s$/,
  );
  assert.ok(tookMs > 25_000 && tookMs < 50_000, `it took ${Math.round(tookMs)} ms`);
  assert.equal((await ask("livez")).why, "ok");
  assert.match((await worker.said("intake.closed")).message, /^not receiving: no AWS credentials/);

  worker.signal("SIGTERM");
  const stopMs = performance.now();
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
  assert.ok(performance.now() - stopMs < 1_000 + LAST_MS + 1_000);
  assert.deepEqual(
    worker.log.filter(({ event }) => event === "not-json"),
    [],
  );
});
