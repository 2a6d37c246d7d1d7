// SQS over HTTP on a free port of 127.0.0.1: the JSON protocol with its query-compatible error codes, for the real SDK clients of
// both languages. Signatures are not checked.
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "../../../core/clock.ts";
import type { ActionContext } from "./actions.ts";
import { type Answer, answerRequest, refusalAnswer } from "./answer.ts";
import { FaultScript } from "./faults.ts";
import { SqsModel, type SqsModelOptions } from "./model.ts";
import { refuseTime } from "./signing-time.ts";
import { type Input, writeAttributes } from "./wire.ts";

export interface SqsServerOptions extends Partial<Pick<SqsModelOptions, "inFlightLimit">> {
  readonly clock?: Clock;
  /** By how much its clock, which signatures must agree with, is ahead of this machine's. */
  readonly aheadMs?: number;
}

export interface RequestRecord {
  readonly action: string;
  readonly host: string;
  /** What the signature claims; empty without one. */
  readonly signedBy: { readonly accessKeyId: string; readonly region: string };
  readonly input: Input;
  /** Monotonic milliseconds of the server's clock. */
  readonly atMs: number;
}

export interface SqsServer {
  readonly endpoint: string;
  /** To look inside and to act from within, without requests. */
  readonly model: SqsModel;
  readonly faults: FaultScript;
  /** Everything that was asked, faulty or not, in order of arrival. */
  readonly requests: readonly RequestRecord[];
  /** Requests that are not over yet: a long poll waits, and takes messages, also when whoever asked was killed. */
  readonly underWay: number;
  urlOf(queueName: string): string;
  /** Ends waiting receives with what there is, and cuts every connection. */
  stop(): Promise<void>;
}

export async function startSqsServer(options: SqsServerOptions = {}): Promise<SqsServer> {
  const clock = options.clock ?? systemClock;
  const { inFlightLimit } = options;
  const model = new SqsModel({ clock, ...(inFlightLimit === undefined ? {} : { inFlightLimit }) });
  const stopped = new AbortController();
  const faults = new FaultScript();
  const requests: RequestRecord[] = [];
  let underWay = 0;
  const server = createServer();
  await listen(server);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context: ActionContext = { model, clock, baseUrl, stopped: stopped.signal };
  server.on("request", (request, response) => {
    underWay += 1;
    const serverMs = Date.now() + (options.aheadMs ?? 0);
    serve({ context, faults, requests, serverMs }, request, response)
      .catch((error: unknown) => {
        response.destroy();
        server.emit("error", error);
      })
      .finally(() => {
        underWay -= 1;
      });
  });
  return {
    endpoint: baseUrl,
    model,
    faults,
    requests,
    get underWay() {
      return underWay;
    },
    urlOf: (name) => `${baseUrl}/000000000000/${name}`,
    stop: () => stopServer(server, stopped),
  };
}

interface Serving {
  readonly context: ActionContext;
  readonly faults: FaultScript;
  readonly requests: RequestRecord[];
  readonly serverMs: number;
}

async function serve(
  { context, faults, requests, serverMs }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === "GET") return inspect(context.model, request, response);
  const input: Input = JSON.parse((await readBody(request)) || "{}");
  const action = String(request.headers["x-amz-target"]).replace("AmazonSQS.", "");
  const { host = "", authorization = "" } = request.headers;
  requests.push({ action, input, host, signedBy: signerOf(authorization), atMs: context.clock.monoMs() });
  response.setHeader("date", new Date(serverMs).toUTCString());
  const refused = refuseTime(String(request.headers["x-amz-date"]), serverMs);
  if (refused !== null) return deliver(refusalAnswer(refused, 403), response);
  deliver(await answerRequest(context, action, input, faults.decide(action, input)), response);
}

function signerOf(authorization: string): RequestRecord["signedBy"] {
  const [, accessKeyId = "", region = ""] = /Credential=([^/]*)\/\d+\/([^/]*)\//.exec(authorization) ?? [];
  return { accessKeyId, region };
}

function deliver(answer: Answer, response: ServerResponse): void {
  if (answer.delivery === "cut") return void response.destroy();
  if (answer.delivery === "stall_head") return;
  const text = JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    "content-type": "application/x-amz-json-1.0",
    "content-length": Buffer.byteLength(text),
    ...(answer.queryError === undefined ? {} : { "x-amzn-query-error": answer.queryError }),
  });
  if (answer.delivery === "stall_body") response.write(text.slice(0, 1));
  else response.end(text);
}

/** `GET /inspect/<queue>`: every message with its state, for tests in another process. */
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
