// One HTTP request to a worker on this machine, over a bare socket. An HTTP client takes longer to
// load than a health check may last, and a proxy setting could lead it, and the token that it
// sends, to another machine.
import { connect } from "node:net";
import { systemClock } from "../core/clock.ts";
import { onAbort } from "../core/on-abort.ts";

export interface LocalRequest {
  readonly host: string;
  readonly port: number;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For everything: connecting, asking, and the whole answer. */
  readonly timeoutMs: number;
}

export type LocalAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly body: string }
  | { readonly kind: "timed_out" }
  /** Connected, but what came back is not HTTP. */
  | { readonly kind: "not_http" }
  /** The operating system's code: `ECONNREFUSED`. */
  | { readonly kind: "failed"; readonly code: string };

/** No answer of a worker is longer. Another program's answer must not fill the memory. */
const LONGEST_ANSWER = 64 * 1024;

/** Sends the request and reads until the other side closes. Never rejects. */
export function askLocal(request: LocalRequest): Promise<LocalAnswer> {
  const { host, port, timeoutMs } = request;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const limit = systemClock.deadline(timeoutMs);
    const finish = (answer: LocalAnswer) => {
      limit.clear();
      socket.destroy();
      resolve(answer);
    };
    onAbort(limit.signal, () => finish({ kind: "timed_out" }));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(requestText(request)));
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (text.length > LONGEST_ANSWER) finish(readAnswer(text));
    });
    socket.on("end", () => finish(readAnswer(text)));
    socket.on("error", (error: NodeJS.ErrnoException) => finish({ kind: "failed", code: error.code ?? error.message }));
  });
}

function requestText({ method, path, host, port, headers = {}, body }: LocalRequest): string {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${host.includes(":") ? `[${host}]` : host}:${port}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`]),
    "connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}

function readAnswer(text: string): LocalAnswer {
  const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(text)?.[1];
  const bodyAt = text.indexOf("\r\n\r\n");
  if (status === undefined || bodyAt < 0) return { kind: "not_http" };
  return { kind: "answered", status: Number(status), body: text.slice(bodyAt + 4) };
}
