// The message contract: text in, envelope out, nothing thrown. Pure. ARCHITECTURE.md has the
// contract, fixtures/envelopes the golden files.
import * as v from "valibot";
import { parseJson } from "../formats/json.ts";
import { shortened } from "../formats/shortened.ts";
import { RUN_ID_BYTES, STEP_KEY_BYTES, type StepId } from "./step.ts";

export interface Envelope extends StepId {
  /** Null when the producer does not know it; the run record decides what runs. */
  readonly opName: string | null;
  /**
   * What an executor of the version before sends. It is untrusted and nothing acts on it; the step
   * host asks the event log. It stays part of the digest, so that a row which a worker of the
   * version before made is still the row of its message. `null` if it is absent or no text.
   */
  readonly knownState: string | null;
  readonly retryMode: "deferred" | "disabled";
  /**
   * The delay of the retry that the op's RetryPolicy allows if the machinery fails this attempt, in
   * seconds. `null` means that no retry is left.
   */
  readonly onFault: { readonly retryIn: number } | null;
  /** Unix seconds; null when the producer does not say. */
  readonly enqueuedAt: number | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Of the Dagster instance that the run belongs to; null when the producer does not say. */
  readonly instance: string | null;
  /**
   * Version of Dagster in the run worker. `null` when the producer does not send it. Like the next
   * field, it does not count for the digest.
   */
  readonly dagster: string | null;
  /** Version of `dagster_taskiq` in the run worker; null when the producer does not say. */
  readonly dagsterTaskiq: string | null;
  /**
   * Name of the run's job, for the log until the step's process has looked it up; null when the
   * producer does not say. The digest leaves it out.
   */
  readonly job: string | null;
}

export type Decoded =
  | { readonly kind: "step"; readonly envelope: Envelope }
  /** A deploy is under way: some other worker knows this version. */
  | { readonly kind: "unknown_version"; readonly version: number }
  | { readonly kind: "malformed"; readonly detail: string; readonly step: StepId | null };

/**
 * What is wrong quotes the value; a log and a note on a dead letter are no places for all of it.
 */
const LONGEST_DETAIL = 160;
/** A year of 366 days. */
const LONGEST_DELAY_SECONDS = 31_622_400;

const Text = v.pipe(v.string(), v.nonEmpty("expected a non-empty string"));
const RunId = v.pipe(
  nameOf(RUN_ID_BYTES),
  v.check((text) => !/[/\\]/.test(text), "expected neither / nor \\: Dagster's SQLite storage names a file by it"),
);
const StepKey = nameOf(STEP_KEY_BYTES);
/** A 32-bit column holds it. */
const Attempt = v.pipe(v.number(), v.integer(), v.minValue(0), v.ltValue(2 ** 31, "expected less than 2147483648"));
/** Logged. */
const Job = shortText(255);
/** Compared and logged. Dagster's own are UUIDs. */
const Instance = shortText(255);
/** Compared and logged. */
const Version = shortText(100);
/** The run worker waits for so long before the next attempt. */
const Delay = v.pipe(v.number(), v.minValue(0), v.maxValue(LONGEST_DELAY_SECONDS));
/** Unix seconds that every calendar can show: before the year 10000. */
const Instant = v.pipe(v.number(), v.minValue(0), v.ltValue(253_402_300_800));
/** A record of its own would take a list for an object with numbers as names. */
const Tags = v.pipe(v.custom<object>(isFields, "expected an object"), v.record(v.string(), v.string()));

const VersionOne = v.object({
  version: v.literal(1),
  run_id: RunId,
  step_key: StepKey,
  op_name: v.optional(v.nullable(v.string()), null),
  retry_count: Attempt,
  known_state: v.optional(v.fallback(v.nullable(v.string()), null), null),
  retry_mode: v.picklist(["deferred", "disabled"]),
  on_fault: v.optional(v.nullable(v.object({ retry_in: Delay })), null),
  enqueued_at: v.optional(v.nullable(Instant), null),
  tags: v.optional(Tags, {}),
  instance: v.optional(v.nullable(Instance), null),
  dagster: v.optional(v.nullable(Version), null),
  dagster_taskiq: v.optional(v.nullable(Version), null),
  job: v.optional(v.nullable(Job), null),
});

/**
 * The original contract: it carries neither version nor known_state, and its op_config and inputs
 * are the run record's to say.
 */
const BareTask = v.object({
  run_id: RunId,
  step_key: StepKey,
  op_name: v.optional(v.nullable(v.string()), null),
  retry_count: v.optional(Attempt, 0),
});

type Fields = Readonly<Record<string, unknown>>;

export function decode(body: string): Decoded {
  const parsed = parseJson(body);
  if (!isFields(parsed)) return malformed("expected a JSON object", null);
  const fields = isTaskIqEnvelope(parsed) ? carriedPayload(parsed) : parsed;
  if (fields === null) return malformed("TaskIQ envelope carries no step in args[0], kwargs.payload or kwargs", null);
  return "version" in fields ? decodeVersioned(fields) : decodeBare(fields);
}

/** The envelope as frames and queues carry it. */
export function toWire(envelope: Envelope): Fields {
  return {
    version: 1,
    run_id: envelope.runId,
    step_key: envelope.stepKey,
    op_name: envelope.opName,
    retry_count: envelope.attempt,
    known_state: null,
    retry_mode: envelope.retryMode,
    on_fault: envelope.onFault === null ? null : { retry_in: envelope.onFault.retryIn },
    enqueued_at: envelope.enqueuedAt,
    tags: envelope.tags,
    ...(envelope.instance === null ? {} : { instance: envelope.instance }),
    ...(envelope.dagster === null ? {} : { dagster: envelope.dagster }),
    ...(envelope.dagsterTaskiq === null ? {} : { dagster_taskiq: envelope.dagsterTaskiq }),
    ...(envelope.job === null ? {} : { job: envelope.job }),
  };
}

function decodeVersioned(fields: Fields): Decoded {
  const version = fields["version"];
  if (typeof version === "number" && Number.isInteger(version) && version > 1)
    return { kind: "unknown_version", version };
  const result = v.safeParse(VersionOne, fields);
  if (!result.success) return malformed(firstIssue(result.issues), readableStep(fields));
  const wire = result.output;
  return {
    kind: "step",
    envelope: {
      runId: wire.run_id,
      stepKey: wire.step_key,
      attempt: wire.retry_count,
      opName: wire.op_name,
      knownState: wire.known_state,
      retryMode: wire.retry_mode,
      onFault: wire.on_fault === null ? null : { retryIn: wire.on_fault.retry_in },
      enqueuedAt: wire.enqueued_at,
      tags: wire.tags,
      instance: wire.instance,
      dagster: wire.dagster,
      dagsterTaskiq: wire.dagster_taskiq,
      job: wire.job,
    },
  };
}

function decodeBare(fields: Fields): Decoded {
  const result = v.safeParse(BareTask, fields);
  if (!result.success) return malformed(firstIssue(result.issues), readableStep(fields));
  const { run_id: runId, step_key: stepKey, op_name: opName, retry_count: attempt } = result.output;
  return {
    kind: "step",
    envelope: {
      runId,
      stepKey,
      attempt,
      opName,
      knownState: null,
      retryMode: "deferred",
      onFault: null,
      enqueuedAt: null,
      tags: {},
      instance: null,
      dagster: null,
      dagsterTaskiq: null,
      job: null,
    },
  };
}

function isTaskIqEnvelope(fields: Fields): boolean {
  return typeof fields["task_id"] === "string" && typeof fields["task_name"] === "string";
}

function carriedPayload(taskIq: Fields): Fields | null {
  const args = taskIq["args"];
  const kwargs = taskIq["kwargs"];
  const candidates = [
    Array.isArray(args) ? args[0] : undefined,
    isFields(kwargs) ? kwargs["payload"] : undefined,
    kwargs,
  ];
  for (const candidate of candidates) {
    const value = typeof candidate === "string" ? parseJson(candidate) : candidate;
    if (isFields(value) && Object.keys(value).length > 0) return value;
  }
  return null;
}

/**
 * Enough to report the step's end before the message is buried. Otherwise nothing would ever end
 * the step.
 */
function readableStep(fields: Fields): StepId | null {
  const runId = v.safeParse(RunId, fields["run_id"]);
  const stepKey = v.safeParse(StepKey, fields["step_key"]);
  const attempt = v.safeParse(Attempt, fields["retry_count"] ?? 0);
  if (!runId.success || !stepKey.success || !attempt.success) return null;
  return { runId: runId.output, stepKey: stepKey.output, attempt: attempt.output };
}

function malformed(detail: string, step: StepId | null): Decoded {
  return { kind: "malformed", detail, step };
}

function firstIssue(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const [issue] = issues;
  const field = issue.path?.map((item) => String(item.key)).join(".") ?? "body";
  return shortened(`${field}: ${issue.message}`, LONGEST_DETAIL);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A part of the ledger's key. Text that a database refuses would look like an unreachable ledger at
 * every receive.
 */
function nameOf(mostBytes: number) {
  return v.pipe(
    shortText(mostBytes),
    v.check((text) => !text.includes(":"), "expected no colon: the ledger's key separates its parts by one"),
  );
}

function shortText(mostBytes: number) {
  return v.pipe(
    Text,
    v.check(isStorable, "expected neither NUL nor lone surrogates"),
    v.check((text) => new TextEncoder().encode(text).length <= mostBytes, `expected at most ${mostBytes} bytes`),
  );
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
