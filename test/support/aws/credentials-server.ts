// What gives credentials over HTTP: the endpoint of a container, and anything that accepts a
// request and never answers it.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface CredentialsServer {
  readonly url: string;
  /** `silent` accepts and does not answer. */
  mood: "well" | "broken" | "silent";
  accessKeyId: string;
  /** How long its credentials are good. */
  expiresInMs: number;
  /** The only token that it answers to. `null` means that it asks for none. */
  wants: string | null;
  /** How often it was asked. */
  readonly asked: number;
  /** The `Authorization` that came with the latest question. */
  readonly authorization: string | undefined;
  stop(): void;
}

export async function startCredentialsServer(): Promise<CredentialsServer> {
  const state = { mood: "well", accessKeyId: "first", expiresInMs: 3_600_000, wants: null, asked: 0, url: "" };
  const shown = state as { -readonly [K in keyof CredentialsServer]: CredentialsServer[K] };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    shown.asked += 1;
    shown.authorization = request.headers.authorization;
    if (shown.mood === "silent") return;
    if (shown.wants !== null && shown.wants !== shown.authorization) return void response.writeHead(401).end("no");
    if (shown.mood === "broken") return void response.writeHead(500).end("no");
    const Expiration = new Date(Date.now() + shown.expiresInMs).toISOString();
    response.end(JSON.stringify({ AccessKeyId: shown.accessKeyId, SecretAccessKey: "s", Token: "t", Expiration }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  shown.stop = () => {
    server.close();
    server.closeAllConnections();
  };
  shown.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return shown;
}
