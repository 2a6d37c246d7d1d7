// Asks a worker on this machine through its control endpoint.
import * as v from "valibot";
import { CONTROL_HOST } from "../../core/endpoints/control-server.ts";
import { parseJson } from "../../core/formats/json.ts";
import { askLocal } from "../local-http.ts";
import type { ControlFile } from "./control-files.ts";

const schema = v.object({
  worker: v.string(),
  busy: v.number(),
  slots: v.number(),
  idle: v.boolean(),
  stopping: v.boolean(),
  quiet: v.nullable(v.object({ by: v.string(), at_ms: v.number() })),
});

export type ControlState = v.InferOutput<typeof schema>;

/** `gone`: the worker has ended. */
export type ControlAnswer =
  | { readonly kind: "state"; readonly state: ControlState }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly why: string };

const TIMEOUT_MS = 5_000;

/** Asks the worker whose control file this is. Never rejects. */
export async function askWorker(
  { port, token }: Pick<ControlFile, "port" | "token">,
  what: "state" | "quiet" | "resume",
  by: string,
): Promise<ControlAnswer> {
  const answer = await askLocal({
    host: CONTROL_HOST,
    port,
    method: what === "state" ? "GET" : "POST",
    path: `/${what}`,
    headers: { authorization: `Bearer ${token}` },
    ...(what === "state" ? {} : { body: JSON.stringify({ by }) }),
    timeoutMs: TIMEOUT_MS,
  });
  switch (answer.kind) {
    case "timed_out":
      return { kind: "failed", why: "it does not answer" };
    case "not_http":
      return { kind: "failed", why: "what answers is not a worker" };
    case "failed":
      return answer.code === "ECONNREFUSED" ? { kind: "gone" } : { kind: "failed", why: answer.code };
    case "answered":
      return readState(answer.status, answer.body);
  }
}

function readState(status: number, body: string): ControlAnswer {
  // Another worker's port by now: it knows another token.
  if (status === 401) return { kind: "gone" };
  const read = v.safeParse(schema, parseJson(body));
  if (status === 200 && read.success) return { kind: "state", state: read.output };
  return { kind: "failed", why: `it answers ${status}` };
}
