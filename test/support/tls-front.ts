// TLS before a PostgreSQL that has none, by the protocol's own rule: the client asks with an SSLRequest, the server says S or N.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { TLSSocket } from "node:tls";

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), "utf8");

export interface TlsFront {
  readonly port: number;
  /** Connections whose client speaks TLS. */
  readonly secured: () => number;
}

/** Its certificate is for `localhost` alone. */
export async function startTlsFront(
  t: TestContext,
  target: { readonly host: string; readonly port: number },
): Promise<TlsFront> {
  let secured = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => undefined);
    client.once("data", () => {
      client.pause();
      client.write("S");
      const secure = new TLSSocket(client, { isServer: true, key: read("localhost.key"), cert: read("localhost.pem") });
      secure.on("error", () => client.destroy());
      secure.once("secure", () => {
        secured += 1;
      });
      const database = connect(target);
      sockets.add(database);
      database.on("error", () => client.destroy()).on("close", () => client.destroy());
      client.on("close", () => database.destroy());
      secure.pipe(database).pipe(secure);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, secured: () => secured };
}
