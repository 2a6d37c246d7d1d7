// A pooler in transaction mode, no larger than its one rule: each transaction of a client goes to
// another connection than the one before. Like PgBouncer's default it refuses a startup parameter
// that it does not know.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Backends of one client; two are enough for nothing to be where it was left. */
const backends = 2;
const known = ["user", "database", "client_encoding", "application_name"];

export async function startTransactionPooler(t: TestContext, target: Place): Promise<Place> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer({ noDelay: true }, (client) =>
    serve(track(client), () => track(connect({ ...target, noDelay: true }))),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

function serve(client: Socket, dial: () => Socket): void {
  client.once("data", (startup: Buffer) => {
    const unknown = parametersOf(startup).find((name) => !known.includes(name));
    if (unknown === undefined) pool(client, startup, Array.from({ length: backends }, dial));
    else client.end(refusal(`unsupported startup parameter: ${unknown}`));
  });
}

function pool(client: Socket, startup: Buffer, links: readonly Socket[]): void {
  let current = 0;
  for (const [i, link] of links.entries()) {
    link.write(startup);
    // The first one's greeting is passed on; the other's is kept, as a pool would have had it long
    // before.
    let greeted = i === 0;
    relay(link, (message) => {
      if (greeted) client.write(message);
      if (greeted && isReady(message) && link === links[current]) current = (current + 1) % backends;
      greeted ||= isReady(message);
    });
    link.on("close", () => client.destroy());
  }
  client.on("data", (data) => links[current]?.write(data));
  client.on("close", () => {
    for (const link of links) link.destroy();
  });
}

function relay(link: Socket, pass: (message: Buffer) => void): void {
  const messages = new Messages();
  link.on("data", (data: Buffer) => {
    for (const message of messages.read(data)) pass(message);
  });
}

/** ReadyForQuery, outside a transaction. */
function isReady(message: Buffer): boolean {
  return message[0] === "Z".charCodeAt(0) && message[5] === "I".charCodeAt(0);
}

/** Cuts a stream of bytes into the protocol's messages: a letter, a length, and as many bytes. */
class Messages {
  #rest: Buffer = Buffer.alloc(0);

  *read(data: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 5) {
      const end = 1 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) return;
      yield this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** The startup message is a length, a version, and names and values that a NUL ends each. */
function parametersOf(startup: Buffer): readonly string[] {
  const words = startup.subarray(8).toString("utf8").split("\0");
  return words.filter((word, i) => i % 2 === 0 && word !== "");
}

function refusal(message: string): Buffer {
  const body = Buffer.from(`SFATAL\0C08P01\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
