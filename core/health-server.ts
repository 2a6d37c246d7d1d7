// The worker's health over HTTP: GET /livez and GET /readyz, 200 or 503, with the reason as JSON.
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "./clock.ts";
import { Fault } from "./faults.ts";
import { type Health, type HealthFacts, judgeHealth } from "./health.ts";

export interface HealthServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly worker: string;
  readonly clock: Pick<Clock, "monoMs">;
  /** Asked at every request; must not wait for anything. `queues`: for whoever reads the answer, where there are several. */
  facts(): Omit<HealthFacts, "nowMs" | "lastTickAtMs"> & { readonly queues?: readonly object[] };
}

export interface HealthServer {
  readonly port: number;
  /** Resolves when nothing is left open, whoever is still connected. */
  close(): Promise<void>;
}

const TICK_MS = 1_000;
/** Whoever takes longer to ask than this is no health check. */
const REQUEST_TIMEOUT_MS = 5_000;

const pages: Readonly<Record<string, keyof Health>> = { "/livez": "live", "/readyz": "ready" };

/** Rejects with a `Fault` (`TQ_HEALTH_SERVER`) when it cannot listen. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  let lastTickAtMs = options.clock.monoMs();
  const ticker = setInterval(() => {
    lastTickAtMs = options.clock.monoMs();
  }, TICK_MS);
  ticker.unref();
  const server = createServer((request, response) => {
    const facts = { ...options.facts(), nowMs: options.clock.monoMs(), lastTickAtMs };
    const several = (facts.queues?.length ?? 0) > 1;
    const about = {
      ...{ worker: options.worker, busy: facts.busy, slots: facts.slots },
      ...(several ? { queues: facts.queues } : {}),
    };
    const { method = "GET", url = "/" } = request;
    const [path = "/"] = url.split("?", 1);
    send(response, replyTo(method, path, judgeHealth(facts), about), method !== "HEAD");
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  try {
    await listen(server, options);
  } catch (error) {
    clearInterval(ticker);
    throw listenFault(options, error);
  }
  return { port: (server.address() as AddressInfo).port, close: () => close(server, ticker) };
}

interface Reply {
  readonly status: number;
  readonly body: object;
  readonly allow?: string;
}

function replyTo(method: string, path: string, health: Health, about: object): Reply {
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (page === undefined) return { status: 404, body: { error: "not found; there are /livez and /readyz" } };
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, body: { error: "only GET and HEAD" }, allow: "GET, HEAD" };
  }
  const { ok, why } = health[page];
  return { status: ok ? 200 : 503, body: { status: ok ? "ok" : "unavailable", why, ...about } };
}

function send(response: ServerResponse, { status, body, allow }: Reply, withBody: boolean): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    // A probe asks once. A connection that is kept would only keep `close` waiting.
    connection: "close",
    ...(allow === undefined ? {} : { allow }),
  });
  response.end(withBody ? text : undefined);
}

function listen(server: Server, { host, port }: HealthServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function listenFault({ host, port }: HealthServerOptions, error: unknown): Fault {
  const code = error instanceof Error && "code" in error ? error.code : null;
  const where = `health server: port ${port} on ${host}`;
  if (code === "EADDRINUSE") {
    const hint = "Give each worker on this machine a health port of its own; 0 takes any free one.";
    return new Fault("TQ_HEALTH_SERVER", `${where} is in use by another program`, { cause: error, hint });
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    const hint = "Use 127.0.0.1, or 0.0.0.0 for every address.";
    return new Fault("TQ_HEALTH_SERVER", `${where}: this machine has no such address`, { cause: error, hint });
  }
  return new Fault("TQ_HEALTH_SERVER", `${where} cannot be opened`, { cause: error });
}

function close(server: Server, ticker: NodeJS.Timeout): Promise<void> {
  clearInterval(ticker);
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
