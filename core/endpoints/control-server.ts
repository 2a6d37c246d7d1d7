// The control endpoint: HTTP on loopback through which an operator makes the worker quiet and lets
// it go on.
//
// Every request needs the worker's token, which `cli/worker/control-files.ts` leaves where only its
// user can read it. A browser cannot send it. No page knows the token, and a page of another origin
// may not send the header unless we allowed it (CORS), which we never do. A request without it
// learns nothing, not even which pages there are.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import * as v from "valibot";
import { parseJson } from "../formats/json.ts";
import type { Observe } from "../observe.ts";
import type { WorkerSnapshot } from "../worker/snapshot.ts";
import { type JsonServer, type Reply, startJsonServer } from "./json-server.ts";

export interface ControlServerOptions {
  readonly token: string;
  readonly worker: string;
  readonly observe: Observe;
  snapshot(): Pick<WorkerSnapshot, "busy" | "slots" | "idle" | "stopping" | "quiet">;
  quiet(by: string): void;
  resume(by: string): void;
}

export const CONTROL_HOST = "127.0.0.1";
const LONGEST_BODY = 4_096;

/** On any free port. Rejects when it cannot listen. */
export async function startControlServer(options: ControlServerOptions): Promise<JsonServer> {
  const place = { host: CONTROL_HOST, port: 0, observe: options.observe };
  return await startJsonServer(place, (request, port) => answer(request, port, options));
}

async function answer(request: IncomingMessage, port: number, options: ControlServerOptions): Promise<Reply> {
  if (!isAllowed(request, port, options.token)) {
    options.observe({ event: "control.refused", level: "debug", message: "a request without the worker's token" });
    request.resume();
    return { status: 401, body: { error: "unauthorized" } };
  }
  switch (`${request.method} ${request.url}`) {
    case "GET /state":
      return { status: 200, body: stateOf(options) };
    case "POST /quiet":
      return await ask(request, options, options.quiet);
    case "POST /resume":
      return await ask(request, options, options.resume);
    default:
      return { status: 404, body: { error: "not found; there are GET /state, POST /quiet and POST /resume" } };
  }
}

/** The host is asked for, too: a name that was made to point here (DNS rebinding) is not ours. */
function isAllowed({ headers }: IncomingMessage, port: number, token: string): boolean {
  const given = headers.authorization ?? "";
  return isSame(given, `Bearer ${token}`) && headers.host === `${CONTROL_HOST}:${port}`;
}

/** Takes as long whatever the texts have in common. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash("sha256").update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

const bodySchema = v.object({ by: v.pipe(v.string(), v.regex(/^\P{C}{1,200}$/u)) });

async function ask(request: IncomingMessage, options: ControlServerOptions, act: (by: string) => void): Promise<Reply> {
  const read = v.safeParse(bodySchema, parseJson((await textOf(request)) ?? ""));
  if (!read.success)
    return { status: 400, body: { error: 'the body must be {"by": …}: 1 to 200 printable characters' } };
  act(read.output.by);
  return { status: 200, body: stateOf(options) };
}

/** Null when it is longer than any request of ours, or breaks off. */
async function textOf(request: IncomingMessage): Promise<string | null> {
  let text = "";
  try {
    for await (const chunk of request.setEncoding("utf8")) {
      text += chunk;
      if (text.length > LONGEST_BODY) return null;
    }
    return text;
  } catch {
    return null;
  }
}

function stateOf({ worker, snapshot }: ControlServerOptions): object {
  const { busy, slots, idle, stopping, quiet } = snapshot();
  return { worker, busy, slots, idle, stopping, quiet: quiet === null ? null : { by: quiet.by, at_ms: quiet.atMs } };
}
