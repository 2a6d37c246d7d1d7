// An HTTP proxy that is also AWS, for tests. Tunnels end at a server with a certificate for hosts
// of AWS. It passes every request on to a server on this machine, with the host and the signature
// that the client gave it.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";

const path = (name: string) => new URL(`../../../fixtures/tls/${name}`, import.meta.url).pathname;
const read = (name: string) => readFileSync(path(name), "utf8");

/** Nothing else trusts it. */
export const AWS_AUTHORITY = read("aws-authority.pem");

export interface AwsProxy {
  readonly url: string;
  /**
   * The requests to the proxy itself: `CONNECT host:port`, or `POST http://…`, with the
   * credentials, if any.
   */
  readonly asked: readonly { readonly line: string; readonly authorization: string | undefined }[];
}

/** `behind` is an origin with HTTP. */
export async function startAwsProxy(t: TestContext, behind: string): Promise<AwsProxy> {
  const asked: { line: string; authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const pass = (from: IncomingMessage, to: ServerResponse) => {
    const inner = request(behind, { method: from.method, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    inner.on("error", () => to.destroy());
    from.pipe(inner);
  };
  const aws = createTlsServer({ key: read("aws.key"), cert: read("aws.pem") }, pass);
  aws.on("tlsClientError", () => undefined);
  const hear = (from: IncomingMessage) =>
    asked.push({ line: `${from.method} ${from.url}`, authorization: from.headers["proxy-authorization"] });
  const proxy = createServer((from, to) => {
    hear(from);
    pass(from, to);
  });
  proxy.on("connect", (from: IncomingMessage, socket: Socket) => {
    hear(from);
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    aws.emit("connection", socket);
  });
  proxy.on("connection", (socket: Socket) => sockets.add(socket));
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
}
