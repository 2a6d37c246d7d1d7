// A network between a ledger and its database that tests break: cut, closed, or losing what the
// server answers.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

export class PostgresProxy {
  readonly #sockets = new Set<Socket>();
  readonly #server;
  readonly #target: { readonly host: string; readonly port: number };
  /**
   * `closed` hangs up on every client. `deaf` passes questions on, but no answer back. `hung` takes
   * connections and does nothing with them, as a machine that stands still.
   */
  mode: "open" | "closed" | "deaf" | "hung" = "open";
  connections = 0;
  /** Bytes of answers that were kept from the client. */
  lost = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#serve(client));
  }

  static async start(t: TestContext, target: { readonly host: string; readonly port: number }): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    t.after(() => {
      proxy.#server.close();
      proxy.cut();
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every connection there is. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket): void {
    this.connections += 1;
    if (this.mode === "closed") return void client.destroy();
    if (this.mode === "hung") return void this.#sockets.add(client.pause());
    const server = connect({ ...this.#target, noDelay: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => {
      if (this.mode === "deaf" || this.mode === "hung") this.lost += data.length;
      else client.write(data);
    });
  }
}
