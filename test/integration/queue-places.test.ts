// Where requests go and what they are signed for: the real client, through a proxy that has
// certificates for hosts of AWS.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { SqsConnection } from "../../core/queue/sqs/sites.ts";
import { openSqsQueue, type SqsQueueOptions } from "../../core/queue/sqs/sqs.ts";
import { AWS_AUTHORITY, type AwsProxy, startAwsProxy } from "../support/aws/aws-proxy.ts";
import { LOCAL_CREDENTIALS } from "../support/sqs/local-sqs.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";

const authorities = AWS_AUTHORITY;
const receive = { max: 1, waitMs: 0, visibilityMs: 1_000 };

interface Surroundings {
  readonly server: SqsServer;
  readonly proxy: AwsProxy;
  ask(queue: SqsQueueOptions["queue"], connection?: SqsConnection): Promise<void>;
}

async function start(
  t: TestContext,
  http: (proxy: string) => NonNullable<SqsConnection["http"]>,
): Promise<Surroundings> {
  const server = await startSqsServer();
  t.after(() => server.stop());
  server.model.createQueue("steps");
  const proxy = await startAwsProxy(t, server.endpoint);
  const ask: Surroundings["ask"] = async (queue, connection = {}) => {
    const how = { region: "us-east-1", http: http(proxy.url), credentials: LOCAL_CREDENTIALS, ...connection };
    const opened = openSqsQueue({ ...how, queue, deadLetter: null, observe: () => undefined });
    await opened.receive(receive).finally(() => opened.close());
  };
  return { server, proxy, ask };
}

const throughHttps = (proxy: string) => ({ proxies: { https: proxy, http: null, except: "" }, authorities });

test("queues in two regions and at a VPC endpoint are each asked at home, whatever AWS_REGION says", async (t) => {
  const { server, proxy, ask } = await start(t, throughHttps);
  const hosts = [
    ["sqs.eu-west-1.amazonaws.com", "eu-west-1"],
    ["sqs.us-west-2.amazonaws.com", "us-west-2"],
    ["vpce-0a1b2c-3d4e.sqs.us-east-1.vpce.amazonaws.com", "us-east-1"],
  ] as const;
  for (const [host] of hosts) await ask({ url: `https://${host}/000000000000/steps` }, { region: "ap-south-1" });
  assert.deepEqual(
    server.requests.map(({ host, signedBy }) => [host, signedBy.region]),
    hosts,
  );
  assert.deepEqual(
    proxy.asked.map(({ line }) => line),
    hosts.map(([host]) => `CONNECT ${host}:443`),
  );
});

test("a legacy URL is asked at the regional endpoint", async (t) => {
  const { server, ask } = await start(t, throughHttps);
  await ask({ url: "https://eu-west-1.queue.amazonaws.com/000000000000/steps" });
  assert.deepEqual(
    server.requests.map(({ host, signedBy }) => [host, signedBy.region]),
    [["sqs.eu-west-1.amazonaws.com", "eu-west-1"]],
  );
});

test("a queue by name is asked where its name was looked up, in AWS_REGION", async (t) => {
  const { server, ask } = await start(t, throughHttps);
  await ask({ name: "steps" }, { region: "us-west-2" });
  assert.deepEqual(
    server.requests.map(({ action, host, signedBy }) => [action, host, signedBy.region]),
    [
      ["GetQueueUrl", "sqs.us-west-2.amazonaws.com", "us-west-2"],
      ["ReceiveMessage", "sqs.us-west-2.amazonaws.com", "us-west-2"],
    ],
  );
});

test("the dead letter queue of a VPC endpoint's queue is looked up there, and asked there", async (t) => {
  const { server, proxy } = await start(t, throughHttps);
  const { arn: deadLetterTargetArn } = server.model.createQueue("dead");
  server.model.setAttributes("steps", { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 9 }) });
  const host = "vpce-0a1b2c-3d4e.sqs.us-east-1.vpce.amazonaws.com";
  const how = { http: throughHttps(proxy.url), credentials: LOCAL_CREDENTIALS, observe: () => undefined };
  const queue = openSqsQueue({ ...how, queue: { url: `https://${host}/000000000000/steps` }, deadLetter: null });
  assert.equal((await queue.deadLetters())?.redrives, false);
  assert.deepEqual(new Set(server.requests.map((request) => request.host)), new Set([host]));
  await queue.close();
});

test("a server that is not AWS is asked itself, and AWS never", async (t) => {
  const { server, proxy, ask } = await start(t, throughHttps);
  await ask({ url: `${server.endpoint}/000000000000/steps` });
  assert.deepEqual(
    server.requests.map(({ host }) => `http://${host}`),
    [server.endpoint],
  );
  assert.deepEqual(proxy.asked, []);
});

test("a proxy with a password is asked for the whole URL where there is no TLS", async (t) => {
  const { server, proxy, ask } = await start(t, (url) => ({
    proxies: { https: null, http: url.replace("//", "//me:p%40ss@"), except: "" },
    authorities: null,
  }));
  const url = "http://sqs.nowhere.invalid:8080/000000000000/steps";
  await ask({ url });
  assert.deepEqual(
    server.requests.map(({ host }) => host),
    ["sqs.nowhere.invalid:8080"],
  );
  const authorization = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
  assert.deepEqual(proxy.asked, [{ line: "POST http://sqs.nowhere.invalid:8080/", authorization }]);
});

test("an authority that AWS_CA_BUNDLE does not hold is not trusted", async (t) => {
  const { ask } = await start(t, (url) => ({ ...throughHttps(url), authorities: null }));
  await assert.rejects(ask({ url: "https://sqs.eu-west-1.amazonaws.com/000000000000/steps" }), {
    code: "TQ_QUEUE",
    message: /^SQS does not answer ReceiveMessage/,
  });
});
