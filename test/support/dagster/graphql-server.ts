// A local HTTP server in Dagster's place, which answers as a test says: what a webserver, a proxy
// or a login page would.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** `null` never answers. A string hangs up after the request. */
export type Reply =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown }
  | "hang_up"
  | null;

const tls = (name: string) => readFileSync(new URL(`../../../fixtures/tls/${name}`, import.meta.url), "utf8");
export const authority = tls("authority.pem");

/** Objects are answered as JSON, texts as they are. */
export async function startGraphqlServer(
  t: TestContext,
  reply: (asked: Asked, nth: number) => Reply,
  { secure = false } = {},
) {
  const asked: Asked[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { query = "", variables = {} } = text === "" ? {} : JSON.parse(text);
    const { method = "", url: path = "", headers } = request;
    asked.push({ method, path, headers, query, variables });
    const given = reply(asked.at(-1) as Asked, asked.length);
    if (given === "hang_up") request.socket.destroy();
    else if (given !== null) {
      const type = typeof given.body === "string" ? "text/html" : "application/json";
      response.writeHead(given.status ?? 200, { "content-type": type, ...given.headers });
      response.end(typeof given.body === "string" ? given.body : JSON.stringify(given.body));
    }
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const server = secure
    ? createTlsServer({ key: tls("localhost.key"), cert: tls("localhost.pem") }, listener)
    : createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${secure ? "https://localhost" : "http://127.0.0.1"}:${port}`, port, asked };
}

export interface FakeRun {
  readonly status: string;
  readonly parent?: string;
  /** Unix seconds. */
  readonly createdAt?: number;
}

/** Dagster's runs, as its API shows them; a launch adds one, unless `launch` answers otherwise. */
export function fakeDagster(runs: Record<string, FakeRun>, launch?: () => Reply) {
  return ({ query, variables }: Asked): Reply => {
    if (query.startsWith("mutation")) {
      const given = launch?.();
      if (given !== undefined) return given;
      const { parentRunId } = variables["params"] as { parentRunId: string };
      const runId = `again-${Object.keys(runs).length}`;
      runs[runId] = { status: "QUEUED", parent: parentRunId };
      return launchAnswer({ __typename: "LaunchRunSuccess", run: { runId, status: "QUEUED" } });
    }
    const runId = String(variables["runId"]);
    const status = runs[runId]?.status;
    const children = Object.entries(runs).filter(([, { parent }]) => parent === runId);
    const one = status === undefined ? { __typename: "RunNotFoundError", message: "?" } : { runId, status };
    return {
      body: {
        data: {
          runOrError: { __typename: "Run", ...one },
          runsOrError: {
            __typename: "Runs",
            results: children
              .map(([id, { status, createdAt: creationTime = 0 }]) => ({ runId: id, status, creationTime }))
              .reverse(),
          },
        },
      },
    };
  };
}

export function launchAnswer(launchRunReexecution: object): Reply {
  return { body: { data: { launchRunReexecution } } };
}
