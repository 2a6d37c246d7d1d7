// A small HTTP server that answers every request with JSON and closes the connection: what health and control have in common.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

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
}

/** Whoever takes longer to ask than this asks for nothing that we have. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Rejects with Node's own error when it cannot listen. `reply` is told the port that it listens on, and must not reject. */
export async function startJsonServer(
  { host, port }: ServerPlace,
  reply: (request: IncomingMessage, port: number) => Reply | Promise<Reply>,
): Promise<JsonServer> {
  const server = createServer(async (request, response) => send(response, await reply(request, portOf())));
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
