// A small HTTP server that answers every request with JSON and closes the connection: what health and control have in common.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Observe } from "../observe.ts";

export interface JsonServer {
  readonly port: number;
  /** Resolves when nothing is left open, whoever is still connected. */
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly body: object;
  /** The methods of a page that has no such one. */
  readonly allow?: string;
}

export interface ServerPlace {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly observe: Observe;
}

/** Whoever takes longer to ask than this asks for nothing that we have. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Rejects with Node's own error when it cannot listen. `reply` gets the port that the server listens on. If it throws, the answer is 500. */
export async function startJsonServer(
  { host, port, observe }: ServerPlace,
  reply: (request: IncomingMessage, port: number) => Reply | Promise<Reply>,
): Promise<JsonServer> {
  const server = createServer(async (request, response) => {
    try {
      send(response, await reply(request, portOf()));
    } catch (error) {
      const message = `bug in taskiq, please report it: ${error instanceof Error ? error.stack : error}`;
      observe({ event: "endpoint.bug", level: "error", message });
      send(response, { status: 500, body: { error: "internal error; the worker's log has it as endpoint.bug" } });
    }
  });
  const portOf = () => (server.address() as AddressInfo).port;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: portOf(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Node sends no body in answer to HEAD. */
function send(response: ServerResponse, { status, body, allow }: Reply): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    // Whoever asks, asks once. A connection that is kept would only keep `close` waiting.
    connection: "close",
    ...(allow === undefined ? {} : { allow }),
  });
  response.end(text);
}
