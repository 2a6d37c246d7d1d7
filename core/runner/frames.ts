// The frames between worker and step host: JSON lines, decoded into values. Pure. ARCHITECTURE.md
// lists them, and fixtures/frames has golden ones.
import * as v from "valibot";
import { shortened } from "../formats/shortened.ts";
import { errorInfo, hostResult } from "../step/result.ts";

/** Raised when either side would misread the other. */
export const PROTOCOL = 1;

/** What is wrong quotes the value, and a frame may be megabytes long. */
const LONGEST_DETAIL = 300;
const LONGEST_LINE = 200;

const MaybeError = v.nullable(errorInfo);

/** Of the Dagster instance; null where its storage has none. Absent from what older hosts say. */
const Instance = v.optional(v.nullable(v.string()), null);

const Standing = v.object({
  run: v.nullable(v.object({ status: v.string(), job: v.string(), goes_on: v.boolean() })),
  ended: v.nullable(v.picklist(["success", "failure", "up_for_retry", "resource_init_failure"])),
  began: v.boolean(),
});

const Outcome = v.variant("kind", [
  v.object({
    kind: v.picklist([
      "success",
      "failure",
      "up_for_retry",
      "resource_init_failure",
      "already_recorded",
      "run_over",
      "reported",
      "parked",
    ]),
    result: hostResult,
    /** The ledger's row was settled by the transaction that wrote the terminal event. */
    settled: v.optional(v.boolean()),
  }),
  v.object({ kind: v.picklist(["rerun_refused", "not_open"]), error: errorInfo }),
  v.object({ kind: v.literal("permit_refused") }),
  v.object({ kind: v.picklist(["noticed", "probed"]) }),
  /** `result` is what to record should the run have been of this instance. */
  v.object({ kind: v.literal("unknown_run"), result: hostResult, instance: Instance }),
  v.object({ kind: v.literal("looked"), standings: v.array(Standing), instance: Instance }),
  v.object({ kind: v.literal("fault"), scope: v.picklist(["step", "location", "instance"]), error: errorInfo }),
]);

/**
 * What a fork of the location's process would break, in words for operators; a host without the
 * field forks all.
 */
const unforkable = v.optional(v.array(v.string()), []);

/** What a code location defines; only a host that was asked to count says it. */
const counted = { jobs: v.optional(v.number()), assets: v.optional(v.number()) };

const HostFrame = v.variant("type", [
  v.object({
    type: v.literal("ready"),
    protocol: v.number(),
    pid: v.number(),
    dagster: v.string(),
    dagster_taskiq: v.string(),
    python: v.string(),
    locations: v.array(v.object({ name: v.string(), error: MaybeError, unforkable, ...counted })),
    instance: Instance,
    /** Absent from what older hosts say. */
    dagster_range: v.optional(v.nullable(v.object({ oldest: v.string(), below: v.string() })), null),
  }),
  v.object({ type: v.literal("fatal"), code: v.string(), message: v.string(), error: v.optional(MaybeError, null) }),
  v.object({
    type: v.literal("location"),
    name: v.string(),
    error: MaybeError,
    changed: v.optional(v.nullable(v.string()), null),
    unforkable,
    ...counted,
  }),
  v.object({ type: v.literal("started"), id: v.string(), pid: v.number() }),
  v.object({
    type: v.literal("capture"),
    id: v.string(),
    stdout: v.string(),
    stderr: v.string(),
    folder: v.optional(v.nullable(v.string()), null),
    /** Of the step's run; absent from what older hosts say. */
    job: v.optional(v.nullable(v.string()), null),
  }),
  v.object({ type: v.literal("ask"), id: v.string() }),
  v.object({ type: v.literal("outcome"), id: v.string(), outcome: Outcome }),
  v.object({
    type: v.literal("exited"),
    id: v.string(),
    code: v.nullable(v.number()),
    signal: v.nullable(v.string()),
    killed: v.optional(v.nullable(v.object({ cause: v.string(), message: v.string() })), null),
  }),
]);

export type Outcome = v.InferOutput<typeof Outcome>;
export type HostFrame = v.InferOutput<typeof HostFrame>;
export type Ready = Extract<HostFrame, { type: "ready" }>;

export type WorkerFrame =
  | {
      readonly type: "run";
      readonly id: string;
      readonly envelope: unknown;
      readonly delivery: WireNote;
      readonly limits: WireLimits;
      /** How long the process may live unless it is renewed. Null means without end. */
      readonly within_ms: number | null;
      /** Null: the ledger is not in Dagster's database. */
      readonly ledger: WireClaim | null;
    }
  | {
      readonly type: "report";
      readonly id: string;
      readonly run_id: string;
      readonly step_key: string;
      readonly attempt: number;
      readonly retry_in: number | null;
      readonly park: boolean;
      readonly reason: string;
      readonly message: string;
      readonly delivery: WireNote;
      readonly within_ms: number | null;
      /** As of a run. */
      readonly ledger: WireClaim | null;
    }
  | {
      readonly type: "notice";
      readonly id: string;
      readonly run_id: string;
      readonly step_key: string;
      readonly message: string;
      readonly level: "info" | "warning" | "error";
      readonly metadata: Readonly<Record<string, string | number>>;
    }
  | { readonly type: "probe"; readonly id: string; readonly run_id: string | null }
  | { readonly type: "look"; readonly id: string; readonly attempts: readonly WireAttempt[] }
  | { readonly type: "permit"; readonly id: string; readonly granted: boolean; readonly within_ms: number | null }
  | { readonly type: "renew"; readonly id: string; readonly within_ms: number | null }
  | { readonly type: "kill"; readonly id: string; readonly signal: "SIGINT" | "SIGTERM" | "SIGKILL" }
  | { readonly type: "stop" };

export interface WireAttempt {
  readonly run_id: string;
  readonly step_key: string;
  readonly attempt: number;
}

export interface WireNote {
  readonly worker: string;
  readonly message_id: string;
  readonly receive_count: number;
  readonly starts: number;
  readonly taken_over_from: string | null;
}

export interface WireClaim {
  readonly schema: string;
  readonly fence: number;
}

export interface WireLimits {
  readonly timeout_ms: number | null;
  readonly silence_ms: number | null;
  readonly grace_ms: number;
  readonly memory_bytes: number | null;
  readonly processes: number | null;
  readonly output_bytes: number | null;
  readonly after_end_ms: number;
}

/** Null for a frame type this worker does not know: a newer host may say more. */
export type DecodedFrame = HostFrame | { readonly type: "broken"; readonly detail: string } | null;

export function decodeFrame(line: string): DecodedFrame {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { type: "broken", detail: `not JSON: ${shownLine(line)}` };
  }
  const type = typeof parsed === "object" && parsed !== null && "type" in parsed ? parsed.type : undefined;
  if (typeof type !== "string") return { type: "broken", detail: `no type: ${shownLine(line)}` };
  if (!HOST_FRAME_TYPES.has(type)) return null;
  const result = v.safeParse(HostFrame, parsed);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const detail = `${type}.${v.getDotPath(issue) ?? ""}: ${issue.message}`;
  return { type: "broken", detail: shortened(detail, LONGEST_DETAIL) };
}

function shownLine(line: string): string {
  return shortened(line, LONGEST_LINE);
}

export function encodeFrame(frame: WorkerFrame): string {
  return `${JSON.stringify(frame)}\n`;
}

const HOST_FRAME_TYPES: ReadonlySet<string> = new Set(HostFrame.options.map((option) => option.entries.type.literal));
