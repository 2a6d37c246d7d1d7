// The worker's health over HTTP. GET /livez, /readyz and /healthz answer 200 or 503, with the
// reason as JSON. GET /metrics answers in the text format of Prometheus. GET / is the status page.
import type { Clock } from "../clock.ts";
import { Fault } from "../faults.ts";
import { type Health, type HealthFacts, judgeHealth, READY_HELD_MS } from "./health.ts";
import { type JsonServer, PlainText, type Reply, type ServerPlace, startJsonServer } from "./json-server.ts";
import { STATUS_DOCUMENT, STATUS_PAGE, type StatusOptions, statusReply } from "./status-pages.ts";

export interface HealthServerOptions extends ServerPlace {
  readonly worker: string;
  readonly clock: Pick<Clock, "monoMs">;
  /** The status page. `null` means that there is none. */
  readonly status: StatusOptions | null;
  /** All metrics in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
  /**
   * Asked at every request; must not wait for anything. `queues` and `advice` are for the reader of
   * the answer.
   */
  facts(): WorkerFacts & { readonly queues?: readonly object[]; readonly advice?: readonly string[] };
}

/** What the worker knows; the rest is the server's own. */
type WorkerFacts = Omit<HealthFacts, "nowMs" | "lastTickAtMs" | "beganAtMs" | "wasReady">;

const TICK_MS = 1_000;

const METRICS = "/metrics";
/** The media type that Prometheus asks for. */
const EXPOSITION = "text/plain; version=0.0.4; charset=utf-8";

const pages: Readonly<Record<string, keyof Health>> = { "/livez": "live", "/readyz": "ready", "/healthz": "healthy" };

/** Rejects with a `Fault` (`TQ_HEALTH_SERVER`) when it cannot listen. */
export async function startHealthServer(options: HealthServerOptions): Promise<JsonServer> {
  const history = new History(options);
  // The machine's own timer, because it measures whether the event loop turns.
  const ticker = setInterval(() => history.tick(), TICK_MS);
  ticker.unref();
  try {
    const known = pathsOf(options.status);
    const server = await startJsonServer(options, async (request) => {
      const { method = "GET", url = "/" } = request;
      const [path = "/"] = url.split("?", 1);
      const refusal = refuse(method, path, known);
      if (refusal !== null) return refusal;
      const { status } = options;
      const shown = status && statusReply(path, request, status, () => judgeHealth(history.now()));
      if (shown !== null) return shown;
      if (path === METRICS) return { status: 200, body: new PlainText(EXPOSITION, await options.metrics()) };
      const facts = history.now();
      const several = (facts.queues?.length ?? 0) > 1;
      const about = {
        worker: options.worker,
        busy: facts.busy,
        slots: facts.slots,
        ...(several ? { queues: facts.queues } : {}),
        ...(facts.advice === undefined || facts.advice.length === 0 ? {} : { advice: facts.advice }),
      };
      return replyTo(path, judgeHealth(facts), about);
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

/**
 * What the server remembers between requests: when it ticked last, and how long the worker has been
 * ready.
 */
class History {
  readonly #options: HealthServerOptions;
  readonly #beganAtMs: number;
  #lastTickAtMs: number;
  #readySinceMs: number | null = null;
  #wasReady = false;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#beganAtMs = options.clock.monoMs();
    this.#lastTickAtMs = this.#beganAtMs;
  }

  /** Whatever the facts throw is the next request's to report. */
  tick(): void {
    this.#lastTickAtMs = this.#options.clock.monoMs();
    try {
      this.now();
    } catch {
      // See above.
    }
  }

  now(): ReturnType<HealthServerOptions["facts"]> & HealthFacts {
    const nowMs = this.#options.clock.monoMs();
    const known = { ...this.#options.facts(), nowMs, lastTickAtMs: this.#lastTickAtMs, beganAtMs: this.#beganAtMs };
    const { ready } = judgeHealth({ ...known, wasReady: this.#wasReady });
    this.#readySinceMs = ready.ok ? (this.#readySinceMs ?? nowMs) : null;
    this.#wasReady ||= this.#readySinceMs !== null && nowMs - this.#readySinceMs >= READY_HELD_MS;
    return { ...known, wasReady: this.#wasReady };
  }
}

function pathsOf(status: StatusOptions | null): readonly string[] {
  const shown = status === null ? [] : [STATUS_PAGE, STATUS_DOCUMENT];
  return [...shown, ...Object.keys(pages), METRICS];
}

function refuse(method: string, path: string, known: readonly string[]): Reply | null {
  if (!known.includes(path)) {
    const list = `${known.slice(0, -1).join(", ")} and ${known.at(-1)}`;
    return { status: 404, body: { error: `not found; there are ${list}` } };
  }
  if (method === "GET" || method === "HEAD") return null;
  return { status: 405, body: { error: "only GET and HEAD" }, allow: "GET, HEAD" };
}

function replyTo(path: string, health: Health, about: object): Reply {
  const { ok, why } = health[pages[path] ?? "live"];
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
