// The worker's health over HTTP: GET /livez and GET /readyz, 200 or 503, with the reason as JSON.
import type { Clock } from "../clock.ts";
import { Fault } from "../faults.ts";
import { type Health, type HealthFacts, judgeHealth } from "./health.ts";
import { type JsonServer, type Reply, type ServerPlace, startJsonServer } from "./json-server.ts";

export interface HealthServerOptions extends ServerPlace {
  readonly worker: string;
  readonly clock: Pick<Clock, "monoMs">;
  /** Asked at every request; must not wait for anything. `queues` and `advice` are for the reader of the answer. */
  facts(): Omit<HealthFacts, "nowMs" | "lastTickAtMs"> & {
    readonly queues?: readonly object[];
    readonly advice?: readonly string[];
  };
}

const TICK_MS = 1_000;

const pages: Readonly<Record<string, keyof Health>> = { "/livez": "live", "/readyz": "ready" };

/** Rejects with a `Fault` (`TQ_HEALTH_SERVER`) when it cannot listen. */
export async function startHealthServer(options: HealthServerOptions): Promise<JsonServer> {
  let lastTickAtMs = options.clock.monoMs();
  const ticker = setInterval(() => {
    lastTickAtMs = options.clock.monoMs();
  }, TICK_MS);
  ticker.unref();
  try {
    const server = await startJsonServer(options, ({ method = "GET", url = "/" }) => {
      const facts = { ...options.facts(), nowMs: options.clock.monoMs(), lastTickAtMs };
      const several = (facts.queues?.length ?? 0) > 1;
      const about = {
        ...{ worker: options.worker, busy: facts.busy, slots: facts.slots },
        ...(several ? { queues: facts.queues } : {}),
        ...(facts.advice === undefined || facts.advice.length === 0 ? {} : { advice: facts.advice }),
      };
      const [path = "/"] = url.split("?", 1);
      return replyTo(method, path, judgeHealth(facts), about);
    });
    return {
      port: server.port,
      close: () => {
        clearInterval(ticker);
        return server.close();
      },
    };
  } catch (error) {
    clearInterval(ticker);
    throw listenFault(options, error);
  }
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
