// Asks a health server one question over a bare socket: an HTTP client takes longer to load than the whole check may last.
import { connect } from "node:net";

export interface Question {
  readonly host: string;
  readonly port: number;
  readonly path: "/livez" | "/readyz" | "/healthz";
  /** For everything: connecting, asking, and the whole answer. */
  readonly timeoutMs: number;
}

export type Answer =
  | { readonly kind: "answered"; readonly status: number; readonly body: string }
  | { readonly kind: "timed_out" }
  /** Connected, but what came back is not HTTP. */
  | { readonly kind: "not_http" }
  /** The operating system's code: `ECONNREFUSED`. */
  | { readonly kind: "failed"; readonly code: string };

/** No health server's answer is longer; whatever else is there must not fill the memory. */
const LONGEST_ANSWER = 64 * 1024;

export function askHealth({ host, port, path, timeoutMs }: Question): Promise<Answer> {
  return exchange({ host, port, timeoutMs }, requestText(host, path));
}

/** One request, written out, and all that comes back. */
export function exchange({ host, port, timeoutMs }: Omit<Question, "path">, request: string): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (answer: Answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish({ kind: "timed_out" }), timeoutMs);
    let text = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(request));
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (text.length > LONGEST_ANSWER) finish(readAnswer(text));
    });
    socket.on("end", () => finish(readAnswer(text)));
    socket.on("error", (error: NodeJS.ErrnoException) => finish({ kind: "failed", code: error.code ?? error.message }));
  });
}

function requestText(host: string, path: string): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `GET ${path} HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`;
}

function readAnswer(text: string): Answer {
  const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(text)?.[1];
  const bodyAt = text.indexOf("\r\n\r\n");
  if (status === undefined || bodyAt < 0) return { kind: "not_http" };
  return { kind: "answered", status: Number(status), body: text.slice(bodyAt + 4) };
}
