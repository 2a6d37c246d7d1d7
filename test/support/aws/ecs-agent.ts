// ECS's agent as a container meets it: the task protection endpoint over HTTP, with the agent's own
// strictness and its ways to say no.
// https://github.com/aws/amazon-ecs-agent/blob/master/ecs-agent/tmds/handlers/taskprotection/v1/handlers/handlers.go
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type AgentTrouble =
  | { readonly is: "failure"; readonly reason: string }
  | { readonly is: "error"; readonly status: number; readonly code: string }
  | { readonly is: "silence" }
  | { readonly is: "garbage" };

const arn = "arn:aws:ecs:eu-central-1:123456789012:task/main/158d1c8083dd49d6b527399fd6414f5c";

export class EcsAgentServer {
  /** What was asked and done, in order: `protect 10`, `drop`. */
  readonly asked: string[] = [];
  /** Null: not protected. */
  minutes: number | null = null;
  trouble: AgentTrouble | null = null;
  readonly #server: Server;

  static async start(): Promise<EcsAgentServer> {
    const agent = new EcsAgentServer();
    agent.#server.listen(0, "127.0.0.1");
    await once(agent.#server, "listening");
    return agent;
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** `ECS_AGENT_URI` of a container. */
  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/7cf26a0c-c9a3`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const send = (status: number, answer: unknown) => response.writeHead(status).end(JSON.stringify(answer));
    if (request.method !== "PUT" || !request.url?.endsWith("/api/7cf26a0c-c9a3/task-protection/v1/state"))
      return void send(404, {});
    const minutes = minutesOf(body);
    if (minutes === "bad")
      return void send(400, { error: { Arn: arn, Code: "InvalidParameterException", Message: body } });
    const { trouble } = this;
    switch (trouble?.is) {
      case "failure":
        return void send(200, { failure: { Arn: arn, Detail: null, Reason: trouble.reason } });
      case "error":
        return void send(trouble.status, { error: { Arn: arn, Code: trouble.code, Message: "said ECS" } });
      case "silence":
        return;
      case "garbage":
        return void response.end("<html>");
    }
    this.minutes = minutes;
    this.asked.push(minutes === null ? "drop" : `protect ${minutes}`);
    send(200, { protection: { ExpirationDate: null, ProtectionEnabled: minutes !== null, TaskArn: arn } });
  }
}

/**
 * The agent refuses unknown fields; ECS takes 1 to 2880 whole minutes, and 120 when none are named.
 */
function minutesOf(body: string): number | null | "bad" {
  const { ProtectionEnabled, ExpiresInMinutes = 120, ...others } = JSON.parse(body);
  const fine = Number.isInteger(ExpiresInMinutes) && ExpiresInMinutes >= 1 && ExpiresInMinutes <= 2880;
  if (typeof ProtectionEnabled !== "boolean" || !fine || Object.keys(others).length > 0) return "bad";
  return ProtectionEnabled ? ExpiresInMinutes : null;
}
