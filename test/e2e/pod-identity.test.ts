// A worker on EKS: it has no keys but the address of the pod identity agent, and a file with a
// token that EKS replaces from time to time.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startCredentialsServer } from "../support/aws/credentials-server.ts";
import { homeWithHost } from "../support/dagster/step-hosts.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues, LOCAL_REGION } from "../support/sqs/local-sqs.ts";
import { startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

async function pod(t: TestContext) {
  const server = await startSqsServer();
  const pair = await createQueues(asLocalSqs(server), "steps");
  const agent = await startCredentialsServer();
  const home = homeWithHost("pod");
  const token = join(home, "eks-pod-identity-token");
  const worker = () => {
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      DAGSTER_HOME: home,
      TASKIQ_PYTHON: join(home, "python"),
      TASKIQ_QUEUE_URL: pair.url,
      AWS_ENDPOINT_URL_SQS: server.endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: agent.url,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token,
    };
    const args = ["run", "--wait-time", "1s", "--health-port", "0", "--state-dir", join(home, "state")];
    const made = new WorkerProcess({ args, env });
    t.after(async () => {
      if (made.running) await made.stop();
    });
    return made;
  };
  t.after(async () => {
    agent.stop();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });
  return { server, agent, token, worker };
}

test("the agent is asked with the token that the file holds, and with the new one once EKS has replaced it", async (t) => {
  const { server, agent, token, worker } = await pod(t);
  writeFileSync(token, "token-1\n");
  // Credentials are renewed when less than five minutes are left.
  Object.assign(agent, { wants: "token-1", expiresInMs: 310_000 });
  const running = worker();
  await running.said("worker.started");
  assert.equal(server.requests.at(-1)?.signedBy.accessKeyId, "first");
  writeFileSync(token, "token-2\n");
  Object.assign(agent, { wants: "token-2", accessKeyId: "second", expiresInMs: 3_600_000 });
  await eventually(
    "a request is signed with the new credentials",
    () => server.requests.at(-1)?.signedBy.accessKeyId === "second",
    60_000,
  );
  assert.equal(agent.authorization, "token-2");
  assert.equal(running.count("queue.credentials_not_renewed"), 0);
});

test("a token that is not there is named with its file", async (t) => {
  const { agent, token, worker } = await pod(t);
  const refused = worker();
  assert.deepEqual(await refused.exit(60_000), { code: 3, signal: null });
  const says = refused.log.map(({ message }) => message).join("\n");
  assert.match(says, /no AWS credentials for \w+ on the queue .*TQ_CREDENTIALS/);
  assert.ok(says.includes(`the container's credentials endpoint ${agent.url}: ENOENT`) && says.includes(token), says);
  assert.equal(agent.asked, 0);
});
