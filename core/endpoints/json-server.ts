// A small HTTP server that answers one text per connection, usually JSON: what health and control
// have in common.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { printableJson } from "../formats/printable.ts";
import type { Observe } from "../observe.ts";
import { requireListening } from "./may-listen.ts";

export interface JsonServer {
  readonly port: number;
  /** Resolves when every connection is closed. Clients that are still connected are cut off. */
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  /** An object is sent as JSON. */
  readonly body: object | PlainText;
  /** The methods that the page does have. Sent with 405. */
  readonly allow?: string;
  /** Headers of this page alone. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A text in a format of its own. */
export class PlainText {
  readonly type: string;
  readonly text: string;

  /** `type` is its media type. */
  constructor(type: string, text: string) {
    this.type = type;
    this.text = text;
  }
}

export interface ServerPlace {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly observe: Observe;
}

/**
 * From its first byte to its last. Node's own timeouts are looked at every 30 s, and know nothing
 * of an answer that is not read.
 */
const CONNECTION_MS = 5_000;
/**
 * More than probes and operators ever need, and few enough to leave the process its descriptors.
 */
const MOST_CONNECTIONS = 64;

/**
 * Rejects with Node's own error when it cannot listen. `reply` gets the port that the server
 * listens on. If it throws, the answer is 500.
 */
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
  // What follows the first request of a connection is not answered, so that one connection costs
  // one answer.
  server.maxRequestsPerSocket = 1;
  server.on("connection", boundConnections());
  await new Promise<void>((resolve, reject) => {
    requireListening(host, port);
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

/**
 * Ends connections that stay too long, and the oldest one when there are too many, so that a client
 * with many idle connections cannot shut out the others. The timer is the machine's, because the
 * connections are.
 */
function boundConnections(): (socket: Socket) => void {
  const open = new Set<Socket>();
  return (socket) => {
    const timer = setTimeout(() => socket.destroy(), CONNECTION_MS);
    timer.unref();
    socket.once("close", () => {
      clearTimeout(timer);
      open.delete(socket);
    });
    open.add(socket);
    const [oldest = socket] = open;
    if (open.size <= MOST_CONNECTIONS) return;
    open.delete(oldest);
    oldest.destroy();
  };
}

/** Node sends no body in answer to HEAD. */
function send(response: ServerResponse, { status, body, allow, headers }: Reply): void {
  const { type, text } =
    body instanceof PlainText ? body : { type: "application/json", text: `${printableJson(body)}\n` };
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    // Each client asks once. A connection that is kept would only keep `close` waiting.
    connection: "close",
    ...(allow === undefined ? {} : { allow }),
    ...headers,
  });
  response.end(text);
}
