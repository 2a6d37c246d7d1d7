// TLS before a server that has none. Before SQS it begins with the first byte. Before PostgreSQL it
// follows the protocol's own rule: the client asks with an SSLRequest, and the server answers S or
// N.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { TLSSocket } from "node:tls";

const read = (name: string) => readFileSync(new URL(`../../../fixtures/tls/${name}`, import.meta.url), "utf8");

/** Only the tests trust it. */
export const AUTHORITY = read("authority.pem");

export interface TlsFront {
  readonly port: number;
  /** Connections whose client speaks TLS. */
  readonly secured: () => number;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** Before PostgreSQL. Its certificate is for `localhost` alone. */
export async function startTlsFront(t: TestContext, target: Target): Promise<TlsFront> {
  return await start(t, target, async (client) => {
    await once(client, "data");
    client.pause();
    client.write("S");
  });
}

/** Before a server of HTTP, with the same certificate. */
export async function startHttpsFront(t: TestContext, target: Target): Promise<TlsFront> {
  return await start(t, target, async () => undefined);
}

async function start(t: TestContext, target: Target, asked: (client: Socket) => Promise<void>): Promise<TlsFront> {
  let secured = 0;
  const sockets = new Set<Socket>();
  const serve = (client: Socket) => {
    const secure = new TLSSocket(client, { isServer: true, key: read("localhost.key"), cert: read("localhost.pem") });
    secure.on("error", () => client.destroy());
    secure.once("secure", () => {
      secured += 1;
    });
    const inner = connect(target);
    sockets.add(inner);
    inner.on("error", () => client.destroy()).on("close", () => client.destroy());
    client.on("close", () => inner.destroy());
    secure.pipe(inner).pipe(secure);
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => undefined);
    asked(client).then(
      () => serve(client),
      () => client.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, secured: () => secured };
}
