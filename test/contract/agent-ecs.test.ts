// The agent contract on the ECS agent's endpoint, and what else that may answer.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { ecsAgent } from "../../core/agent/ecs-agent.ts";
import { systemClock } from "../../core/clock.ts";
import { type AgentTrouble, EcsAgentServer } from "../support/aws/ecs-agent.ts";
import { agentContract } from "./agent.ts";

async function serve(t: TestContext): Promise<EcsAgentServer> {
  const server = await EcsAgentServer.start();
  t.after(() => server.stop());
  return server;
}

agentContract("ECS", async (t) => {
  const server = await serve(t);
  return {
    agent: ecsAgent(server.uri, systemClock),
    minutes: () => server.minutes,
    refuse: (reason) => {
      server.trouble = { is: "failure", reason };
    },
    fallSilent: () => {
      server.trouble = { is: "silence" };
    },
  };
});

const never = new AbortController().signal;

const rows: readonly [string, AgentTrouble, string, RegExp][] = [
  [
    "a throttle",
    { is: "error", status: 400, code: "ThrottlingException" },
    "refused",
    /400 ThrottlingException: said ECS$/,
  ],
  ["no permission", { is: "error", status: 403, code: "AccessDeniedException" }, "refused", /AccessDenied/],
  ["an agent whose ECS is late", { is: "error", status: 504, code: "RequestCanceled" }, "unknown", /504/],
  ["an agent that is none", { is: "garbage" }, "unknown", /answered 200/],
  ["silence", { is: "silence" }, "unknown", /no answer within 1 s/],
];

for (const [title, trouble, kind, why] of rows) {
  test(`a request for protection is ${kind} when ECS or its agent answers with ${title}`, async (t) => {
    const server = await serve(t);
    server.trouble = trouble;
    const answer = await ecsAgent(server.uri, systemClock, 1_000).protect(10, never);
    assert.equal(answer.kind, kind);
    assert.match("why" in answer ? answer.why : "", why);
  });
}

test("an agent that leads elsewhere is not followed", async (t) => {
  const elsewhere = await serve(t);
  const answers = createServer((_, response) =>
    response.writeHead(307, { location: `${elsewhere.uri}/task-protection/v1/state` }).end(),
  );
  await once(answers.listen(0, "127.0.0.1"), "listening");
  t.after(() => answers.close());
  const { port } = answers.address() as AddressInfo;
  const answer = await ecsAgent(`http://127.0.0.1:${port}`, systemClock).protect(10, never);
  assert.equal(answer.kind, "unknown");
  assert.equal(elsewhere.minutes, null);
});

test("an ECS agent that cannot be reached leaves the protection unknown", async () => {
  const answer = await ecsAgent("http://127.0.0.1:1", systemClock).drop(never);
  assert.equal(answer.kind, "unknown");
});
