// The worker's name on ECS, asked of a metadata endpoint as ECS serves it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { ecsTaskId } from "../../../../cli/worker/ecs-task.ts";

async function endpoint(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v4/container`;
}

const id = "158d1c8083dd49d6b527399fd6414f5c";
const cluster = `arn:aws:ecs:us-west-2:111122223333:task/default/${id}`;

const rows: readonly (readonly [string, string, string | null])[] = [
  ["a task", JSON.stringify({ Cluster: "default", TaskARN: cluster, Family: "taskiq" }), id],
  ["an ARN of the old form", JSON.stringify({ TaskARN: `arn:aws-cn:ecs:cn-north-1:1:task/${id}` }), id],
  ["another's ARN", JSON.stringify({ TaskARN: "arn:aws:sqs:us-west-2:1:steps" }), null],
  ["no ARN", "{}", null],
  ["a text that is not JSON", "<html>", null],
];

for (const [title, body, expected] of rows) {
  test(`the ECS task id is ${expected === null ? "unknown" : "read"} when the metadata holds ${title}`, async (t) => {
    const asked: string[] = [];
    const uri = await endpoint(t, (request, response) => {
      asked.push(request.url ?? "");
      response.end(body);
    });
    assert.equal(await ecsTaskId({ ECS_CONTAINER_METADATA_URI_V4: uri }), expected);
    assert.deepEqual(asked, ["/v4/container/task"]);
  });
}

test("an endpoint that does not answer is given up soon", async (t) => {
  const uri = await endpoint(t, () => undefined);
  assert.equal(await ecsTaskId({ ECS_CONTAINER_METADATA_URI_V4: uri }), null);
});

test("an endpoint that redirects, or never ends its answer, gives no task id", async (t) => {
  const led = await endpoint(t, (request, response) => {
    if (request.url === "/v4/container/task") response.writeHead(302, { location: "/elsewhere" }).end();
    else response.end(JSON.stringify({ TaskARN: cluster }));
  });
  assert.equal(await ecsTaskId({ ECS_CONTAINER_METADATA_URI_V4: led }), null);
  let sent = 0;
  const endless = await endpoint(t, (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(" ".repeat(65_536))) sent += 65_536;
    };
    response.on("drain", more);
    more();
  });
  assert.equal(await ecsTaskId({ ECS_CONTAINER_METADATA_URI_V4: endless }), null);
  assert.ok(sent < 50_000_000, `${sent} bytes`);
});

test("outside ECS there is no task id, and no agent is asked", async () => {
  assert.equal(await ecsTaskId({}), null);
  assert.equal(await ecsTaskId({ ECS_CONTAINER_METADATA_URI_V4: "" }), null);
});
