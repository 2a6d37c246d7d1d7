// SQS over HTTP on 127.0.0.1: the JSON protocol with its query-compatible error codes, for the real
// SDK clients of both languages. It keeps messages in memory and checks no signature.
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "../../../core/clock.ts";
import { requireListening } from "../../../core/endpoints/may-listen.ts";
import type { ActionContext } from "./actions.ts";
import { type Answer, answerAction } from "./answer.ts";
import { SqsModel, type SqsModelOptions } from "./model.ts";
import { type Input, writeAttributes } from "./wire.ts";

export interface SqsRequest {
  readonly action: string;
  readonly input: Input;
  readonly headers: IncomingMessage["headers"];
}

/**
 * Stands between a request and its answer. Returns `null` once it has dealt with the response
 * itself.
 */
export type Intercept = (
  request: SqsRequest,
  context: ActionContext,
  response: ServerResponse,
) => Promise<Answer | null>;

export interface SqsServerOptions extends Partial<Omit<SqsModelOptions, "clock">> {
  readonly clock?: Clock;
  readonly intercept?: Intercept;
}

export interface SqsServer {
  readonly endpoint: string;
  /** Looks inside and acts from within, without requests. */
  readonly model: SqsModel;
  urlOf(queueName: string): string;
  /** Ends waiting receives with what there is, and cuts every connection. */
  stop(): Promise<void>;
}

export async function startSqsServer({ clock = systemClock, ...options }: SqsServerOptions = {}): Promise<SqsServer> {
  const { intercept = answerNow, ...modelOptions } = options;
  const model = new SqsModel({ clock, ...modelOptions });
  const stopped = new AbortController();
  const server = createServer();
  await listen(server);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context: ActionContext = { model, clock, baseUrl, stopped: stopped.signal };
  server.on("request", (request, response) => {
    serve(context, intercept, request, response).catch((error: unknown) => {
      response.destroy();
      server.emit("error", error);
    });
  });
  return {
    endpoint: baseUrl,
    model,
    urlOf: (name) => `${baseUrl}/000000000000/${name}`,
    stop: () => stopServer(server, stopped),
  };
}

const answerNow: Intercept = ({ action, input }, context) => answerAction(context, action, input);

async function serve(
  context: ActionContext,
  intercept: Intercept,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === "GET") return inspect(context.model, request, response);
  const input: Input = JSON.parse((await readBody(request)) || "{}");
  const action = String(request.headers["x-amz-target"]).replace("AmazonSQS.", "");
  const answer = await intercept({ action, input, headers: request.headers }, context, response);
  if (answer === null) return;
  const text = JSON.stringify(answer.body);
  writeHead(answer, text, response);
  response.end(text);
}

export function writeHead(answer: Answer, text: string, response: ServerResponse): void {
  response.writeHead(answer.status, {
    "content-type": "application/x-amz-json-1.0",
    "content-length": Buffer.byteLength(text),
    ...(answer.queryError === undefined ? {} : { "x-amzn-query-error": answer.queryError }),
  });
}

/** `GET /inspect/<queue>`: every message with its state, for other processes. */
function inspect(model: SqsModel, request: IncomingMessage, response: ServerResponse): void {
  const name = request.url?.match(/^\/inspect\/([A-Za-z0-9_.-]+)$/)?.[1];
  if (name === undefined || !model.queueNames().includes(name)) {
    response.writeHead(404).end();
    return;
  }
  const messages = model
    .queue(name)
    .inspect()
    .map((message) => ({ ...message, attributes: writeAttributes(message.attributes) ?? {} }));
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ messages }));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    requireListening("127.0.0.1", 0);
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

function stopServer(server: Server, stopped: AbortController): Promise<void> {
  if (stopped.signal.aborted) return Promise.resolve();
  stopped.abort();
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
