// GraphQL over HTTP: one question, one answer. If a proxy, a login page or no
// server answers instead of Dagster, the error says which.
import { Buffer } from "node:buffer";
import type { Dispatcher } from "undici";
import * as v from "valibot";
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import { inSeconds } from "../formats/durations.ts";
import { parseJson } from "../formats/json.ts";
import { shortened } from "../formats/shortened.ts";
import { NoAnswer } from "../time-limits.ts";
import { EnvHttpProxyAgent, errors } from "./undici.ts";

export interface DagsterTarget {
  /**
   * Of the web server, as in a browser: any path before `/graphql` included. A user and password in
   * it are sent as basic authentication.
   */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** PEM of the authorities that are trusted instead of the usual ones; null for those. */
  readonly ca: string | null;
  /** For one question, its answer included. */
  readonly answerMs: number;
}

/** `errors`: Dagster did not like the question, or failed at it. */
export type GraphqlAnswer =
  | { readonly kind: "data"; readonly data: unknown }
  | { readonly kind: "errors"; readonly messages: readonly string[] };

export interface Graphql {
  /** Without user or password. */
  readonly url: string;
  ask(query: string, variables: object): Promise<GraphqlAnswer>;
  close(): Promise<void>;
}

const MOST_BYTES = 10 * 1024 * 1024;
const CONNECT_MS = 10_000;
/** One says what is wrong; a question that fails in many places fails in each alike. */
const MOST_ERRORS = 3;

const errorsSchema = v.pipe(v.array(v.object({ message: v.string() })), v.minLength(1));
const bodySchema = v.object({ data: v.optional(v.unknown()), errors: v.optional(errorsSchema) });

/**
 * Connects with the first question. A proxy named by HTTPS_PROXY, HTTP_PROXY or NO_PROXY counts.
 */
export function openGraphql(target: DagsterTarget, clock: Pick<Clock, "deadline">): Graphql {
  const { url: given, headers, ca, answerMs } = target;
  const { url, credentials } = endpointOf(given);
  const tls = ca === null ? {} : { ca };
  const agent = new EnvHttpProxyAgent({
    connect: { ...tls, timeout: CONNECT_MS },
    requestTls: tls,
    maxResponseSize: MOST_BYTES,
  });
  const sent = [
    ["content-type", "application/json"],
    ["accept", "application/json"],
    ...(credentials === null ? [] : [["authorization", `Basic ${credentials}`]]),
    ...headers,
  ].flat();
  return {
    url: url.href,
    ask: async (query, variables) => {
      const body = JSON.stringify({ query, variables });
      const [origin, path] = [url.origin, `${url.pathname}${url.search}`];
      const { signal, clear } = clock.deadline(answerMs);
      const request = { origin, path, method: "POST", headers: sent, body, signal } as const;
      return read(await exchange(agent, request, url, answerMs).finally(clear), url);
    },
    close: () => agent.destroy(),
  };
}

function endpointOf(given: string): { readonly url: URL; readonly credentials: string | null } {
  const url = new URL(given);
  const { username, password } = url;
  const credentials = username === "" && password === "" ? null : basic(username, password);
  url.username = "";
  url.password = "";
  url.hash = "";
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith("/graphql") ? path : `${path}/graphql`;
  return { url, credentials };
}

function basic(username: string, password: string): string {
  return Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString("base64");
}

/** A password may hold a % that escapes nothing. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly location: string | null;
  readonly text: string;
}

async function exchange(
  agent: Dispatcher,
  request: Dispatcher.RequestOptions,
  url: URL,
  answerMs: number,
): Promise<HttpAnswer> {
  try {
    const { statusCode, headers, body } = await agent.request(request);
    const one = (name: string) => [headers[name]].flat()[0] ?? null;
    const text = await body.text();
    return { status: statusCode, type: one("content-type") ?? "", location: one("location"), text };
  } catch (error) {
    throw faultOf(error, url, answerMs);
  }
}

function faultOf(error: unknown, { href }: URL, answerMs: number): Fault {
  if (error instanceof NoAnswer) {
    return new Fault("TQ_DAGSTER", `Dagster at ${href} did not answer within ${inSeconds(answerMs)}`, { cause: error });
  }
  const code = isUnsent(error) ? "TQ_DAGSTER_UNREACHABLE" : "TQ_DAGSTER";
  return new Fault(code, `Dagster at ${href} cannot be reached: ${describeError(error)}`, { cause: error });
}

/** Names, connections and handshakes that fail do so before anything is sent. */
const UNSENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|ERR_SSL_.*|CERT_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*)$/;

function isUnsent(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isUnsent);
  if (error instanceof errors.ConnectTimeoutError) return true;
  return UNSENT.test(String((error as { readonly code?: unknown } | null)?.code));
}

function read({ status, type, location, text }: HttpAnswer, { href }: URL): GraphqlAnswer {
  const what = `Dagster at ${href}`;
  if (status >= 300 && status < 400) {
    const hint =
      "Name the web server itself in --dagster-url. If it leads to a login, give credentials with --dagster-header.";
    throw new Fault("TQ_CONFIG", `${what} redirects to ${shownLocation(location, href)}`, { hint });
  }
  if (status === 401 || status === 403 || status === 407) {
    throw new Fault("TQ_DAGSTER_DENIED", `${what} answers ${status}: it does not accept the credentials`, {
      hint: HEADER_HINT,
    });
  }
  const body = v.safeParse(bodySchema, parseJson(text));
  // What Dagster says of a question that it refuses comes with 400 or 500.
  if (body.success && body.output.errors !== undefined) {
    return { kind: "errors", messages: body.output.errors.slice(0, MOST_ERRORS).map(({ message }) => message) };
  }
  // With 500, too: what it answers then is a `PythonError`.
  if (body.success && body.output.data != null) return { kind: "data", data: body.output.data };
  if (status >= 500 || status === 429)
    throw new Fault("TQ_DAGSTER", `${what} answers ${status}${shownText(type, text)}`);
  const page = /html/.test(type)
    ? "a web page, perhaps a login"
    : `${status} and ${shortened(type, LONGEST_SHOWN) || "no type of content"}`;
  throw new Fault(
    "TQ_CONFIG",
    `${what} is not Dagster's GraphQL API: it answers with ${page}${shownText(type, text)}`,
    {
      hint: HEADER_HINT,
    },
  );
}

const HEADER_HINT =
  "--dagster-url is the address of the web server; --dagster-header carries the credentials, such as 'Dagster-Cloud-Api-Token: …'.";

/** Where a login is, not with which of our parameters. */
function shownLocation(location: string | null, base: string): string {
  if (location === null || !URL.canParse(location, base)) return "nowhere";
  const { origin, pathname } = new URL(location, base);
  return `${origin}${pathname}`;
}

const LONGEST_SHOWN = 200;

/** The title of a page, or the beginning of a text. */
function shownText(type: string, text: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1];
  const shown = (/html/.test(type) ? (title ?? "") : text).replace(/\s+/gu, " ").trim();
  return shown === "" ? "" : `: ${shortened(shown, LONGEST_SHOWN)}`;
}
